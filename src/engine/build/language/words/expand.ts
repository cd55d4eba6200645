import { PatternTooCostly, patternBudget, replacePattern, withoutPrefix, withoutSuffix } from './pattern.ts';
import type { Budget } from './pattern.ts';

export interface ExpandOptions {
  /** The value of a variable; undefined when it is not set. */
  lookup: (name: string) => string | undefined;
  escape: string;
  /** Here-documents keep their quotes. */
  keepQuotes?: boolean;
}

/** A name in the text, and where its `$` stands. */
export interface NamedPlace {
  name: string;
  start: number;
  length: number;
}

export type Expansion =
  | {
      ok: true;
      text: string;
      /** Every name. */ used: NamedPlace[];
      /** Names without a value and without a default. */ missing: NamedPlace[];
    }
  | { ok: false; message: string; start: number; length: number; hint?: string };

/** Values grow when they quote each other: more than this is no configuration. */
export const longestValue = 1 << 20;
const deepest = 100;

class Failure extends Error {
  constructor(
    message: string,
    readonly start: number,
    readonly hint?: string,
  ) {
    super(message);
  }
}

/** Removes quotes and escape characters and puts in the values of variables, as Docker does; words do not fall apart at spaces of values. */
export function expand(text: string, options: ExpandOptions): Expansion {
  // Most words hold nothing of the kind.
  if (text.length <= longestValue && !/[$"'\\`]/.test(text)) return { ok: true, text, used: [], missing: [] };
  const reader = createReader(text, options);
  try {
    const result = reader.read();
    return { ok: true, text: result, used: reader.used, missing: reader.missing };
  } catch (error) {
    if (error instanceof PatternTooCostly)
      return { ok: false, message: error.message, start: 0, length: text.length };
    if (!(error instanceof Failure)) throw error;
    const { message, start, hint } = error;
    return {
      ok: false,
      message,
      start,
      length: Math.max(1, text.length - start),
      ...(hint === undefined ? {} : { hint }),
    };
  }
}

interface Mode {
  /** Ends at one of these when it is neither quoted nor escaped; the character is not consumed. */
  stop: string;
  /** Inside of double quotes. */
  quoted: boolean;
  /** Patterns and replacements keep the escape character. */
  raw: boolean;
}

const plain: Mode = { stop: '', quoted: false, raw: false };
const specialNames = '@*#?-$!';

function createReader(text: string, { lookup, escape, keepQuotes = false }: ExpandOptions) {
  let at = 0;
  let depth = 0;
  let length = 0;
  const budget: Budget = { steps: patternBudget };
  const used: NamedPlace[] = [];
  const missing: NamedPlace[] = [];

  const grow = (part: string): string => {
    length += part.length;
    if (length > 4 * longestValue || part.length > longestValue)
      throw new Failure(`the value is longer than ${longestValue} characters`, 0);
    return part;
  };

  const read = (mode: Mode): string => {
    const parts: string[] = [];
    while (at < text.length) {
      const char = text[at] ?? '';
      if (mode.stop.includes(char)) break;
      if (char === '$') parts.push(grow(readDollar()));
      else if (char === escape) parts.push(grow(readEscape(mode)));
      else if (char === "'" && !mode.quoted && !keepQuotes) parts.push(grow(readSingle()));
      else if (char === '"' && !keepQuotes) parts.push(grow(readDouble(mode)));
      else {
        at++;
        parts.push(grow(char));
      }
    }
    return parts.join('');
  };

  const readEscape = ({ quoted, raw }: Mode): string => {
    const next = text[at + 1] ?? '';
    at += 2;
    if (raw) return escape + next;
    return quoted && next !== '"' && next !== '$' && next !== escape ? escape + next : next;
  };

  const readSingle = (): string => {
    const end = text.indexOf("'", at + 1);
    if (end < 0)
      throw new Failure(
        'a single quote is not closed',
        at,
        "close it, or write \\' for the character itself",
      );
    const inside = text.slice(at + 1, end);
    at = end + 1;
    return inside;
  };

  const readDouble = (mode: Mode): string => {
    const start = at;
    at++;
    const inside = read({ ...mode, stop: '"', quoted: true });
    if (at >= text.length)
      throw new Failure(
        'a double quote is not closed',
        start,
        'close it, or write \\" for the character itself',
      );
    at++;
    return inside;
  };

  const readName = (): string => {
    const start = at;
    const first = text[at] ?? '';
    if (specialNames.includes(first) && first !== '') at++;
    else if (/[0-9]/.test(first)) while (/[0-9]/.test(text[at] ?? '')) at++;
    else while (/[A-Za-z0-9_]/.test(text[at] ?? '')) at++;
    return text.slice(start, at);
  };

  const readDollar = (): string => {
    const start = at;
    at++;
    if (text[at] === '{') {
      if (++depth > deepest) throw new Failure('substitutions are nested too deeply', start);
      const value = readBraces(start);
      depth--;
      return value;
    }
    const name = readName();
    if (name === '') return '$';
    return valueOf(name, start);
  };

  const valueOf = (name: string, start: number): string => {
    const place = { name, start, length: at - start };
    used.push(place);
    const value = lookup(name);
    if (value === undefined) missing.push(place);
    return value ?? '';
  };

  const readBraces = (start: number): string => {
    at++;
    const name = readName();
    if (name === '' && at < text.length)
      throw new Failure('bad substitution: a name is missing in ${}', start);
    if (at >= text.length) throw new Failure("the substitution is not closed: missing '}'", start);
    if (text[at] === '}') {
      at++;
      return valueOf(name, start);
    }
    const colon = text[at] === ':';
    if (colon) at++;
    const operator = text[at] ?? '';
    if ('-+?'.includes(operator) && operator !== '') return readDefault(name, start, { operator, colon });
    if (!colon && (operator === '#' || operator === '%')) return readTrim(name, start, operator);
    if (!colon && operator === '/') return readReplace(name, start);
    if (operator === '' || (colon && operator === '}'))
      throw new Failure("the substitution is not closed: missing '}'", start);
    throw new Failure(
      `unsupported modifier (${colon ? ':' : ''}${operator}) in substitution`,
      start,
      'known are :- - :+ + :? ? # ## % %% / and //',
    );
  };

  const closeBrace = (start: number): void => {
    if (text[at] !== '}') throw new Failure("the substitution is not closed: missing '}'", start);
    at++;
  };

  const readDefault = (
    name: string,
    start: number,
    { operator, colon }: { operator: string; colon: boolean },
  ): string => {
    at++;
    const word = read({ ...plain, stop: '}' });
    closeBrace(start);
    used.push({ name, start, length: at - start });
    const value = lookup(name);
    const set = value !== undefined && !(colon && value === '');
    if (operator === '-') return set ? value : word;
    if (operator === '+') return set ? word : '';
    if (set) return value;
    throw new Failure(`${name}: ${word === '' ? 'is not allowed to be unset' : word}`, start);
  };

  const readTrim = (name: string, start: number, operator: string): string => {
    at++;
    const longest = text[at] === operator;
    if (longest) at++;
    const pattern = read({ ...plain, stop: '}', raw: true });
    closeBrace(start);
    const value = valueOf(name, start);
    return (operator === '#' ? withoutPrefix : withoutSuffix)(value, pattern, longest, budget);
  };

  const readReplace = (name: string, start: number): string => {
    at++;
    const every = text[at] === '/';
    if (every) at++;
    const pattern = read({ ...plain, stop: '/}', raw: true });
    if (text[at] !== '/')
      throw new Failure(
        "missing '/' between pattern and replacement",
        start,
        'write ${name/pattern/replacement}',
      );
    at++;
    const replacement = read({ ...plain, stop: '}', raw: true });
    closeBrace(start);
    return replacePattern(valueOf(name, start), { pattern, replacement, every }, budget);
  };

  return { used, missing, read: () => read(plain) };
}
