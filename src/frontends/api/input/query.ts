import { invalid } from '../../../foundation/base/errors.ts';

const falseWords = new Set(['', '0', 'no', 'false', 'none']);

/** Docker's boolean: everything but the empty text, `0`, `no`, `false` and `none` is true. */
export function queryFlag(query: URLSearchParams, name: string, absent = false): boolean {
  const value = query.get(name);
  return value === null ? absent : !falseWords.has(value.trim().toLowerCase());
}

/** A whole number, undefined when absent or empty. Docker's text otherwise. */
export function queryInteger(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  return parseInteger(value);
}

export function parseInteger(text: string): number {
  const number = Number(text);
  if (!/^[+-]?\d{1,19}$/.test(text) || !Number.isSafeInteger(number))
    throw invalid(`strconv.Atoi: parsing ${JSON.stringify(text.slice(0, 80))}: invalid syntax`, {
      code: 'bad-number',
    });
  return number;
}

/** Text of a parameter, undefined when absent or empty. */
export function queryText(query: URLSearchParams, name: string): string | undefined {
  return query.get(name) || undefined;
}

/** Seconds since the epoch with up to nine decimals, in milliseconds; undefined when absent, empty or zero. */
export function queryTimeMs(query: URLSearchParams, name: string): number | undefined {
  const text = queryTime(query, name);
  return text === undefined ? undefined : Number(text) * 1000;
}

/** The same in nanoseconds, exactly: a client that goes on where it was must not see its last event again. */
export function queryTimeNs(query: URLSearchParams, name: string): bigint | undefined {
  const text = queryTime(query, name);
  if (text === undefined) return undefined;
  const [seconds = '', decimals = ''] = text.replace('-', '').split('.');
  const ns = BigInt(seconds + decimals.padEnd(9, '0'));
  return text.startsWith('-') ? -ns : ns;
}

function queryTime(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name) ?? '';
  if (value === '' || value === '0') return undefined;
  if (!/^-?\d{1,12}(\.\d{0,9})?$/.test(value))
    throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(value.slice(0, 80))}: invalid syntax`, {
      code: 'bad-time',
      hint: 'times are seconds since 1970, with decimals if needed',
    });
  return value;
}
