import { invalid } from '../../../foundation/base/errors.ts';
import { parseDuration } from './duration.ts';

/**
 * Reads `--since` and `--until`: seconds since the epoch, a time like `2013-01-02T13:23:37Z` (parts may be missing, the local zone is meant
 * without one), or `42m` for that long ago. Gives seconds with a fraction, as the API takes them.
 */
export function parseTimeOption(name: string, text: string, nowMs: number): string {
  if (/^\d+(\.\d+)?$/.test(text)) return text;
  const ago = durationMs(text);
  if (ago !== undefined) return formatSeconds(nowMs - ago);
  const date = parseDate(text);
  if (date === undefined)
    throw invalid(
      `invalid value for "${name}": failed to parse value as time or duration: ${JSON.stringify(text)}`,
      {
        hint: 'write it as 2013-01-02T13:23:37Z, 1357132800 or 42m',
      },
    );
  return date;
}

function durationMs(text: string): number | undefined {
  try {
    return parseDuration(text) / 1e6;
  } catch {
    return undefined;
  }
}

function parseDate(text: string): string | undefined {
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:T(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(
      text,
    );
  if (!match) return undefined;
  const [, day = '', hour = '00', minute = '00', second = '00', fraction = '', zone = ''] = match;
  const time = Date.parse(`${day}T${hour}:${minute}:${second}${zone}`);
  if (Number.isNaN(time)) return undefined;
  return `${Math.floor(time / 1000)}.${fraction.padEnd(9, '0')}`;
}

const formatSeconds = (milliseconds: number): string =>
  `${Math.floor(milliseconds / 1000)}.${String(Math.floor(milliseconds) % 1000).padStart(3, '0')}000000`;
