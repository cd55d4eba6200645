import { corrupt, invalid } from '../base/errors.ts';

/** A JSON object of a hostile document. `null` counts as absent everywhere, as Go's decoders have it. */
export interface JsonObject {
  /** Where it stands, for error texts: `image configuration: config.Env`. */
  readonly where: string;
  has(key: string): boolean;
  /** Its own keys. */
  names(): string[];
  string(key: string): string | undefined;
  /** A whole number that JavaScript holds exactly. */
  integer(key: string): number | undefined;
  boolean(key: string): boolean | undefined;
  object(key: string): JsonObject | undefined;
  objects(key: string, limit: number): JsonObject[] | undefined;
  strings(key: string, limit: number): string[] | undefined;
  integers(key: string, limit: number): number[] | undefined;
  /** Of any kind. */
  items(key: string, limit: number): unknown[] | undefined;
  /** A map of strings to strings. */
  stringMap(key: string, limit: number): Record<string, string> | undefined;
  /** The keys of a map whose values mean nothing (`ExposedPorts`). */
  keys(key: string, limit: number): string[] | undefined;
}

/** Parses a document of at most `limitBytes`; kind `invalid` when it is longer or not an object, `corrupt` when not UTF-8 or not JSON. */
export function parseJsonDocument(bytes: Uint8Array, what: string, limitBytes: number): JsonObject {
  if (bytes.byteLength > limitBytes)
    throw invalid(`${what} is ${bytes.byteLength} bytes long: more than the limit of ${limitBytes}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw corrupt(
      `${what} is not valid JSON: ${error instanceof Error ? error.message : 'cannot be parsed'}`,
      {
        cause: error,
      },
    );
  }
  return viewObject(value, what);
}

/** A value that another parser made. */
export function viewObject(value: unknown, what: string): JsonObject {
  if (!isPlain(value)) throw invalid(`${what}: want a JSON object`);
  return view(value, what);
}

function view(source: Record<string, unknown>, where: string): JsonObject {
  const separator = where.includes(': ') ? '.' : ': ';
  const at = (key: string): string => `${where}${separator}${key}`;
  // Own properties only: a document must not reach Object.prototype.
  const get = (key: string): unknown => (Object.hasOwn(source, key) ? (source[key] ?? undefined) : undefined);
  const typed = <T>(key: string, wanted: string, check: (value: unknown) => value is T): T | undefined => {
    const value = get(key);
    if (value !== undefined && !check(value)) throw invalid(`${at(key)} must be ${wanted}`);
    return value;
  };
  const list = (key: string, limit: number): unknown[] | undefined => {
    const value = typed(key, 'an array', Array.isArray) as unknown[] | undefined;
    if (value !== undefined && value.length > limit)
      throw invalid(`${at(key)} has ${value.length} entries: more than the limit of ${limit}`);
    return value;
  };
  const map = (key: string, limit: number): Record<string, unknown> | undefined => {
    const value = typed(key, 'an object', isPlain);
    if (value !== undefined && Object.keys(value).length > limit)
      throw invalid(`${at(key)} has more than the limit of ${limit} entries`);
    return value;
  };
  return {
    where,
    has: (key) => get(key) !== undefined,
    names: () => Object.keys(source),
    string: (key) => typed(key, 'a string', isString),
    integer: (key) => typed(key, 'a whole number', isInteger),
    boolean: (key) => typed(key, 'true or false', isBoolean),
    object(key) {
      const value = typed(key, 'an object', isPlain);
      return value && view(value, at(key));
    },
    objects: (key, limit) =>
      list(key, limit)?.map((value, index) => {
        if (!isPlain(value)) throw invalid(`${at(key)}[${index}] must be an object`);
        return view(value, `${at(key)}[${index}]`);
      }),
    strings: (key, limit) =>
      list(key, limit)?.map((value, index) => {
        if (!isString(value)) throw invalid(`${at(key)}[${index}] must be a string`);
        return value;
      }),
    integers: (key, limit) =>
      list(key, limit)?.map((value, index) => {
        if (!isInteger(value)) throw invalid(`${at(key)}[${index}] must be a whole number`);
        return value;
      }),
    items: list,
    stringMap(key, limit) {
      const value = map(key, limit);
      if (value === undefined) return undefined;
      // fromEntries defines properties, so that a key `__proto__` stays an ordinary key.
      return Object.fromEntries(
        Object.entries(value).map(([name, text]) => {
          if (text !== null && !isString(text)) throw invalid(`${at(key)}: each value must be a string`);
          return [name, text ?? ''];
        }),
      );
    },
    keys(key, limit) {
      const value = map(key, limit);
      return value && Object.keys(value);
    },
  };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
function isString(value: unknown): value is string {
  return typeof value === 'string';
}
function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}
