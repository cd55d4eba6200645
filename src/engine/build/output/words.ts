import { invalid, type SiloError } from '../../../foundation/base/errors.ts';

/** As Docker's API and BuildKit have it: a type, and texts by name. */
export interface TypedWords {
  type: string;
  attributes: Readonly<Record<string, string>>;
}

/** Reads attributes one by one. */
export interface AttributeReader {
  text(name: string): string | undefined;
  flag(name: string, fallback: boolean): boolean;
  choice<Word extends string>(name: string, allowed: readonly Word[]): Word | undefined;
  number(name: string, range: readonly [number, number]): number | undefined;
  /** Takes all that are left and that this accepts. */
  others(take: (name: string, value: string) => boolean): void;
}

/** Enough for any build, and an end to loops over them. */
const mostAttributes = 500;
const longestValue = 64 * 1024;

/** What `read` makes of the words. Kind `invalid` when it did not ask for all of them. */
export function readWords<Read>(
  words: TypedWords,
  what: string,
  read: (attributes: AttributeReader) => Read,
): Read {
  const attributes = readAttributes(words, what);
  const found = read(attributes);
  attributes.end();
  return found;
}

function readAttributes({ type, attributes }: TypedWords, what: string): AttributeReader & { end(): void } {
  const left = new Map(Object.entries(attributes));
  const label = `${what} type=${type.slice(0, 60)}`;
  if (left.size > mostAttributes || [...left.values()].some((value) => value.length > longestValue))
    throw badWords(`${label}: too many or too long attributes`);
  const text = (name: string): string | undefined => {
    const value = left.get(name);
    left.delete(name);
    return value;
  };
  return {
    text,
    flag(name, fallback) {
      const value = text(name);
      if (value === undefined) return fallback;
      if (/^(1|t|true)$/i.test(value)) return true;
      if (/^(0|f|false)$/i.test(value)) return false;
      throw badWords(`${label}: ${name} must be true or false, not "${value.slice(0, 60)}"`);
    },
    choice(name, allowed) {
      const value = text(name);
      const found = allowed.find((each) => each === value);
      if (value === undefined || found !== undefined) return found;
      throw badWords(`${label}: ${name} must be one of ${allowed.join(', ')}, not "${value.slice(0, 60)}"`);
    },
    number(name, [least, most]) {
      const value = text(name);
      if (value === undefined) return undefined;
      const number = Number(value);
      if (/^-?\d{1,9}$/.test(value) && number >= least && number <= most) return number;
      throw badWords(`${label}: ${name} must be a number from ${least} to ${most}`);
    },
    others(take) {
      for (const [name, value] of left) if (take(name, value)) left.delete(name);
    },
    end() {
      const [unknown] = left.keys();
      if (unknown !== undefined)
        throw badWords(`${label}: unknown attribute "${unknown.slice(0, 100)}"`, 'docs/build.md lists them');
    },
  };
}

export const badWords = (message: string, hint?: string): SiloError =>
  invalid(message, { code: 'bad-build-output', hint });
