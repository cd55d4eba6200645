import { invalid } from '../../../foundation/base/errors.ts';

const units: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** A duration as Go writes it (`1m30s`, `1.5h`), in nanoseconds. */
export function parseDurationNs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.map(([part]) => part).join('') !== text || text === '')
    throw invalid(`invalid duration "${text.slice(0, 40)}": want a form such as 30s or 1m30s`);
  return parts.reduce(
    (sum, [, number, unit = '']) => sum + Math.round(Number(number) * (units[unit] ?? 0)),
    0,
  );
}
