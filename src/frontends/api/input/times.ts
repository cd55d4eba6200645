import { invalid } from '../../../foundation/base/errors.ts';

const unitsMs: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A moment of an `until` filter: seconds since the epoch, RFC 3339, or a Go duration back from now (`24h`, `1h30m`). */
export function parseMoment(text: string, nowMs: number): number {
  if (/^-?\d{1,12}(\.\d{1,9})?$/.test(text)) return Number(text) * 1000;
  const durationMs = goDurationMs(text);
  if (durationMs !== undefined) return nowMs - durationMs;
  const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(moment))
    throw invalid(`failed to parse value as time or duration: ${JSON.stringify(text.slice(0, 80))}`, {
      code: 'bad-time',
      hint: 'want seconds since 1970, a date such as 2026-01-31T12:00:00Z, or a duration such as 24h',
    });
  return moment;
}

function goDurationMs(text: string): number | undefined {
  if (!/^(\d{1,12}(\.\d{1,9})?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(amount) * (unitsMs[unit ?? ''] ?? 0);
  return total;
}
