/** Objects as the templates see them: by own property only, so that nothing of JavaScript shows through. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Go's truth: false, zero, empty and absent values are false. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== '';
}

/** A value as Go's `fmt.Print` shows decoded JSON. */
export function formatValue(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  return formatInner(value);
}

function formatInner(value: unknown): string {
  if (value === undefined || value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(formatInner).join(' ')}]`;
  if (isRecord(value)) {
    const entries = Object.entries(value).filter(([, inner]) => typeof inner !== 'function');
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, inner]) => `${key}:${formatInner(inner)}`).join(' ')}]`;
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** JSON as Go writes it: keys of rows in order, and with characters of HTML left alone as Docker's `json` does. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value ?? null);
}
