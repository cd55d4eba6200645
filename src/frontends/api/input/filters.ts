import { splitPair } from '../../../foundation/base/split-pair.ts';
import { parseMoment } from './times.ts';
import { invalid } from '../../../foundation/base/errors.ts';

/** Values by filter name; a name with several values means any of them (for labels: all of them). */
export type Filters = ReadonlyMap<string, readonly string[]>;

/**
 * Reads `filters={"name":["a"]}`, or the form of old clients `{"name":{"a":true}}`. Names that the route does not know are refused with
 * Docker's text.
 */
export function parseFilters(query: URLSearchParams, known: readonly string[]): Filters {
  const filters = readFilters(query);
  for (const name of filters.keys())
    if (!known.includes(name))
      throw invalid(`invalid filter '${name.slice(0, 80)}'`, {
        code: 'bad-filter',
        hint: `filters here are ${known.join(', ')}`,
      });
  return filters;
}

function readFilters(query: URLSearchParams): Filters {
  const text = query.get('filters') ?? '';
  if (text === '') return new Map();
  return new Map(Object.entries(parseObject(text)).map(([name, values]) => [name, valuesOf(values)]));
}

/** Whether one of the filter's values is accepted; true without the filter. */
export function matchesAny(filters: Filters, name: string, accepts: (value: string) => boolean): boolean {
  return filters.get(name)?.some(accepts) ?? true;
}

/** The one value of a filter that cannot have two. */
export function singleFilter(filters: Filters, name: string): string | undefined {
  const values = filters.get(name) ?? [];
  if (values.length > 1) throw invalid(`more than one ${name} filter specified`, { code: 'bad-filter' });
  return values[0];
}

/** Docker's label filter: every `key` or `key=value` given must be there; `label!` must not. */
export function matchesLabels(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  const has = (wanted: string): boolean => {
    const [key, value] = splitPair(wanted);
    return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
  };
  return (filters.get('label') ?? []).every(has) && !(filters.get('label!') ?? []).some(has);
}

/** A filter with one truth value, such as `dangling=true`; undefined without it. */
export function booleanFilter(filters: Filters, name: string): boolean | undefined {
  const values = filters.get(name);
  if (values === undefined || values.length === 0) return undefined;
  const truths = values.map((value) => booleans[value.toLowerCase()]);
  if (truths.includes(undefined) || new Set(truths).size > 1)
    throw badFilterValue(name, `[${values.join(' ')}]`);
  return truths[0];
}

const booleans: Record<string, boolean | undefined> = {
  '1': true,
  true: true,
  t: true,
  '0': false,
  false: false,
  f: false,
};

/** The moments of `until`, which Docker takes once. */
export function untilFilter(filters: Filters): number[] {
  const text = singleFilter(filters, 'until');
  return text === undefined ? [] : [parseMoment(text, Date.now())];
}

/** What the filters `until`, `label` and `label!` of a prune let go; the route knows no others. */
export function readPruneFilter(
  query: URLSearchParams,
): (thing: { createdAtMs: number; labels: Readonly<Record<string, string>> }) => boolean {
  const filters = parseFilters(query, ['until', 'label', 'label!']);
  const before = untilFilter(filters);
  return ({ createdAtMs, labels }) =>
    before.every((moment) => createdAtMs < moment) && matchesLabels(filters, labels);
}

export function badFilterValue(name: string, value: string, why?: string): Error {
  return invalid(`invalid filter '${name}=${value.slice(0, 80)}'${why === undefined ? '' : `: ${why}`}`, {
    code: 'bad-filter',
  });
}

function parseObject(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw invalid('invalid filter', { code: 'bad-filter', cause });
  }
  if (parsed === null) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw invalid('invalid filter', { code: 'bad-filter' });
  return parsed as Record<string, unknown>;
}

function valuesOf(values: unknown): string[] {
  if (values === null) return [];
  if (Array.isArray(values) && values.every((value) => typeof value === 'string')) return values;
  // In the old form it is the name that counts, not whether it is true.
  if (typeof values === 'object' && Object.values(values).every((on) => typeof on === 'boolean'))
    return Object.keys(values);
  throw invalid('invalid filter', { code: 'bad-filter' });
}
