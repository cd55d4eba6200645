import type { Call } from './scenario.ts';

const times = [
  /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g,
  /\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4} \w+/g,
];
const span = String.raw`(\d+|Less than a|About an?|an?) (second|minute|hour|day|week|month|year)s?`;

/** Identities, times, addresses, sizes and column widths are not what two engines can agree on. */
export function normalise(text: string, variables: Record<string, string>, call: Call): string {
  let result = text.replaceAll('\r\n', '\n');
  if (call.json) result = sortKeys(result);
  const { drop } = call;
  if (drop) result = result.replace(/.*\n/g, (line) => (drop.test(line.trimEnd()) ? '' : line));
  for (const pattern of call.hide ?? []) result = result.replace(withFlag(pattern), '<hidden>');
  for (const [name, value] of Object.entries(variables)) result = result.replaceAll(value, `{${name}}`);
  for (const pattern of times) result = result.replace(pattern, '<time>');
  result = result
    .replace(/\b[0-9a-f]{64}\b/g, '<id>')
    .replace(/\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{12}\b/g, '<id>')
    .replace(new RegExp(`\\b${span} ago\\b`, 'g'), '<ago>')
    .replace(new RegExp(`\\bUp ${span}`, 'g'), 'Up <span>')
    // Docker tells it when it was set up so; here it is the default, and the suite runs in both modes.
    .replace(/(?<=name=seccomp,profile=\w+) name=userns\b/, '')
    .replace(/\bexecDuration=\d+/g, 'execDuration=<n>')
    .replace(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, '<mac>')
    .replace(/\b(?!0\.0\.0\.0|127\.)\d{1,3}(\.\d{1,3}){3}\b(\/\d+)?/g, '<ip>')
    .replace(/\bf[cd][0-9a-f]{2}(:[0-9a-f]{0,4}){2,7}/g, '<ip6>')
    .replace(/\b\d+(\.\d+)?\s?[kMG]?i?B\b/g, '<size>')
    .replace(/ {2,}/g, '  ')
    .replace(/[ \t]+$/gm, '');
  return call.unordered ? `${result.trimEnd().split('\n').sort().join('\n')}\n`.trimStart() : result;
}

function withFlag(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, `${pattern.flags.replace('g', '')}g`);
}

function sortKeys(text: string): string {
  try {
    return `${JSON.stringify(sorted(JSON.parse(text)), null, 1)}\n`;
  } catch {
    return text;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  // Not Docker's: which ids the container has, in both of the modes that the suite runs in.
  const entries = Object.entries(value)
    .filter(([key]) => key !== 'UserNamespace')
    .sort(([a], [b]) => (a < b ? -1 : 1));
  // The CLI keeps volumes in a map: it sends them in any order.
  return Object.fromEntries(
    entries.map(([key, below]) => [
      key,
      key === 'Binds' && Array.isArray(below) ? below.map(String).sort() : sorted(below),
    ]),
  );
}
