import { invalid } from '../../../foundation/base/errors.ts';

/** Checks a value of parsed JSON and returns it typed. `path` names it in errors: `HostConfig.Memory`. */
export type Decoder<T> = (value: unknown, path: string) => T;

type RequiredKeys<T> = { [K in keyof T]-?: object extends Pick<T, K> ? never : K }[keyof T];
type Fields<T> = { [K in keyof T]-?: Decoder<NonNullable<T[K]>> };

const fieldsOf = new WeakMap<Decoder<unknown>, readonly string[]>();

/** No name, path, word or variable of Linux can hold a zero byte: what follows it would be lost on the way. */
export const text: Decoder<string> = (value, path) => {
  if (typeof value !== 'string') return mismatch(value, path, 'string');
  if (value.includes('\0'))
    throw invalid(`invalid ${path.slice(0, 200)}: value contains nul byte (\\x00)`, { code: 'zero-byte' });
  return value;
};

export const flag: Decoder<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : mismatch(value, path, 'bool');

/** A 64-bit integer; JavaScript keeps 53 bits of it, which no size or duration here needs more of. */
export const integer: Decoder<number> = (value, path) => {
  if (typeof value !== 'number' || !Number.isInteger(value) || Math.abs(value) > 2 ** 63)
    return mismatch(value, path, 'int64');
  return value;
};

/** Go's `uint` of so many bits. */
export const unsigned =
  (bits: 16 | 64): Decoder<number> =>
  (value, path) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** bits
      ? value
      : mismatch(value, path, `uint${bits}`);

export const listOf = <T>(item: Decoder<T>): Decoder<T[]> =>
  around(item, (value, path) =>
    Array.isArray(value)
      ? value.map((each, i) => item(each, `${path}[${i}]`))
      : mismatch(value, path, '[]string'),
  );

/** Keys come from the client: `fromEntries` defines them as own fields, `__proto__` included. */
export const mapOf = <T>(item: Decoder<T>): Decoder<Record<string, T>> =>
  around(item, (value, path) =>
    Object.fromEntries(
      Object.entries(members(value, path)).map(([key, each]) => [key, item(each, `${path}.${key}`)]),
    ),
  );

/** `null` in place of a value. */
export const nullable = <T>(item: Decoder<T>): Decoder<T | null> =>
  around(item, (value, path) => (value === null ? null : item(value, path)));

export const emptyObject: Decoder<Record<string, never>> = (value, path) => {
  members(value, path);
  return {};
};

/** Any object; what is in it is nobody's business here. */
export const anyObject: Decoder<Record<string, unknown>> = (value, path) => ({ ...members(value, path) });

/** A list of words, or one word in its place, as Go's `strslice` reads commands and entry points. */
export const words: Decoder<string[]> = (value, path) =>
  typeof value === 'string' ? [value] : listOf(text)(value, path);

/**
 * An object with these fields; a missing or `null` field is left out, or takes its default when the type demands it. Fields that are not listed
 * are ignored, as the real engine does: clients send those of other versions. As in Go a name in other letters (`hostconfig`) is the field too.
 */
export function objectOf<T extends object>(
  fields: Fields<T>,
  ...[defaults]: [RequiredKeys<T>] extends [never] ? [] : [Pick<T, RequiredKeys<T>>]
): Decoder<T> {
  const decoders = Object.entries<Decoder<unknown>>(fields);
  const decode: Decoder<T> = (value, path) => {
    const given = members(value, path);
    const byLowerName = lowerNames(given, fields);
    const entries = decoders.flatMap(([name, decode]) => {
      const field = Object.hasOwn(given, name) ? given[name] : byLowerName?.get(name.toLowerCase());
      if (field === undefined || field === null) return [];
      return [[name, decode(field, path === '' ? name : `${path}.${name}`)]];
    });
    return { ...defaults, ...Object.fromEntries(entries) } as T;
  };
  fieldsOf.set(
    decode,
    decoders.flatMap(([name, each]) => [name, ...fieldNames(each).map((below) => `${name}.${below}`)]),
  );
  return decode;
}

/** Names of the fields that a decoder reads, those below them as `HostConfig.Memory`: what is not among them is ignored. */
export function fieldNames(decode: Decoder<unknown>): readonly string[] {
  return fieldsOf.get(decode) ?? [];
}

function around<T>(inner: Decoder<unknown>, decode: Decoder<T>): Decoder<T> {
  fieldsOf.set(decode, fieldNames(inner));
  return decode;
}

/** Values under names that are no field's as they are written; undefined when there are none, as nearly always. */
function lowerNames(given: Record<string, unknown>, fields: object): Map<string, unknown> | undefined {
  const others = Object.entries(given).filter(([name]) => !Object.hasOwn(fields, name));
  return others.length === 0 ? undefined : new Map(others.map(([name, each]) => [name.toLowerCase(), each]));
}

function members(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return mismatch(value, path, 'map');
  return value as Record<string, unknown>;
}

function mismatch(value: unknown, path: string, wanted: string): never {
  const place = path === '' ? 'Go value' : `Go struct field ${path.slice(0, 200)}`;
  throw invalid(
    `invalid JSON: json: cannot unmarshal ${kindOf(value, wanted)} into ${place} of type ${wanted}`,
    {
      code: 'bad-field',
    },
  );
}

/** Go's words; a number is named when it is its size that does not fit. */
function kindOf(value: unknown, wanted: string): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' && wanted.includes('int') ? `number ${value}` : typeof value;
}
