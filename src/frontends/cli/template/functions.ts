import { formatJson, formatValue, isRecord, isTrue } from './values.ts';

export type TemplateFunction = (...args: unknown[]) => unknown;

/** `and` and `or` stop early, so the evaluator handles them itself. */
export const templateFunctions: Readonly<Record<string, TemplateFunction>> = {
  not: (value) => !isTrue(value),
  eq: (first, ...others) => others.some((other) => isEqual(first, other)),
  ne: (first, second) => !isEqual(first, second),
  lt: (first, second) => compare(first, second) < 0,
  le: (first, second) => compare(first, second) <= 0,
  gt: (first, second) => compare(first, second) > 0,
  ge: (first, second) => compare(first, second) >= 0,
  len: (value) => lengthOf(value),
  index: (value, ...keys) => keys.reduce((inner, key) => indexInto(inner, key), value),
  slice: (value, from = 0, to) => sliceOf(value, Number(from), to === undefined ? undefined : Number(to)),
  print: (...args) => printArgs(args),
  println: (...args) => `${args.map(formatValue).join(' ')}\n`,
  printf: (format, ...args) => formatWith(String(format), args),
  html: (...args) => escapeHtml(printArgs(args)),
  urlquery: (...args) => encodeURIComponent(printArgs(args)),
  json: formatJson,
  join: (list, separator) => asList(list, 'join').map(formatValue).join(String(separator)),
  split: (text, separator) => String(text).split(String(separator)),
  lower: (text) => String(text).toLowerCase(),
  upper: (text) => String(text).toUpperCase(),
  title: (text) =>
    String(text).replace(
      /(^|\s)(\p{L})/gu,
      (_, space: string, letter: string) => space + letter.toUpperCase(),
    ),
  pad: (text, before, after) =>
    text === '' ? '' : ' '.repeat(Number(before)) + String(text) + ' '.repeat(Number(after)),
  truncate: (text, length) => String(text).slice(0, Number(length)),
};

function isEqual(first: unknown, second: unknown): boolean {
  const plain = (value: unknown): boolean => typeof value !== 'object' || value === null;
  if (!plain(first) || !plain(second)) throw new Error('non-comparable type');
  if (first !== null && second !== null && typeof first !== typeof second)
    throw new Error('incompatible types for comparison');
  return first === second;
}

function compare(first: unknown, second: unknown): number {
  if (typeof first === 'number' && typeof second === 'number') return first - second;
  if (typeof first === 'string' && typeof second === 'string')
    return first < second ? -1 : Number(first > second);
  throw new Error('incompatible types for comparison');
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isRecord(value)) return Object.keys(value).length;
  throw new Error(
    value === undefined || value === null ? 'len of nil pointer' : `len of type ${typeof value}`,
  );
}

function indexInto(value: unknown, key: unknown): unknown {
  if (Array.isArray(value) || typeof value === 'string') {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index >= value.length)
      throw new Error(`index out of range: ${formatValue(key)}`);
    return value[index];
  }
  if (isRecord(value)) return Object.hasOwn(value, String(key)) ? value[String(key)] : '';
  throw new Error('index of untyped nil');
}

function sliceOf(value: unknown, from: number, to: number | undefined): unknown {
  if (typeof value !== 'string' && !Array.isArray(value))
    throw new Error(`can't slice item of type ${typeof value}`);
  if (from < 0 || from > value.length || (to ?? 0) > value.length) throw new Error('index out of range');
  return value.slice(from, to);
}

function asList(value: unknown, name: string): unknown[] {
  if (Array.isArray(value)) return value;
  if (value === undefined || value === null) return [];
  throw new Error(`wrong type for value of ${name}; expected []string; got ${typeof value}`);
}

/** Spaces only between two values that are not text, as `fmt.Sprint`. */
function printArgs(args: unknown[]): string {
  return args.reduce<string>((text, value, index) => {
    const apart = index > 0 && typeof value !== 'string' && typeof args[index - 1] !== 'string';
    return `${text}${apart ? ' ' : ''}${formatValue(value)}`;
  }, '');
}

function escapeHtml(text: string): string {
  const names: Record<string, string> = {
    '<': '&lt;',
    '>': '&gt;',
    '&': '&amp;',
    '"': '&#34;',
    "'": '&#39;',
  };
  return text.replace(/[<>&"']/g, (character) => names[character] ?? character);
}

/** The verbs `%s %v %d %q %t %x %f %%` with flags `-` and `0`, width and precision. */
function formatWith(format: string, args: unknown[]): string {
  let next = 0;
  const text = format.replace(
    /%([-0+ ]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const shown = formatVerb(verb, args[next++], precision);
      if (width === '') return shown;
      if (flags.includes('-')) return shown.padEnd(Number(width));
      return shown.padStart(Number(width), flags.includes('0') ? '0' : ' ');
    },
  );
  return next < args.length ? `${text}%!(EXTRA ${args.slice(next).map(formatValue).join(', ')})` : text;
}

function formatVerb(verb: string, value: unknown, precision: string | undefined): string {
  switch (verb) {
    case 'q':
      return JSON.stringify(formatValue(value));
    case 'f':
      return Number(value).toFixed(precision === undefined ? 6 : Number(precision));
    case 'x':
      return typeof value === 'number' ? value.toString(16) : Buffer.from(formatValue(value)).toString('hex');
    case 'd':
      return typeof value === 'number'
        ? String(Math.trunc(value))
        : `%!d(${typeof value}=${formatValue(value)})`;
    case 's':
      return formatValue(value).slice(0, precision === undefined ? undefined : Number(precision));
    default:
      return formatValue(value);
  }
}
