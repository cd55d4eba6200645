import { invalid } from '../../../foundation/base/errors.ts';

/** A level of the disk: a share of the file system that is used, or bytes below the data root. */
export type Mark = { unit: 'percent' | 'bytes'; value: number };

const units: Record<string, number> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** `85%`, `200GB`, `1500000000`. */
export function parseMark(name: string, text: string): Mark {
  const [, digits = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)\s*(%|[kmgt]?b?)$/i.exec(text.trim()) ?? [];
  const value = Number(digits);
  if (digits === '' || value <= 0 || (unit === '%' && value > 100))
    throw invalid(
      `${name} must be a share of the disk such as "85%" or a size such as "200GB", not ${JSON.stringify(text.slice(0, 40))}`,
      { code: 'bad-configuration' },
    );
  if (unit === '%') return { unit: 'percent', value };
  return { unit: 'bytes', value: value * (units[unit.toLowerCase().replace('b', '')] ?? 1) };
}

export interface Marks {
  high: Mark;
  low: Mark;
}

/** Cleaning is off without a high mark. The low one is nine tenths of it unless it is given, in the same unit and below. */
export function parseMarks(settings: { gcHighWater?: string; gcLowWater?: string }): Marks | undefined {
  const { gcHighWater, gcLowWater } = settings;
  if (gcHighWater === undefined) {
    if (gcLowWater === undefined) return undefined;
    throw invalid('gc-low-water has no use without gc-high-water', { code: 'bad-configuration' });
  }
  const high = parseMark('gc-high-water', gcHighWater);
  const low =
    gcLowWater === undefined ? { ...high, value: high.value * 0.9 } : parseMark('gc-low-water', gcLowWater);
  if (low.unit !== high.unit || low.value >= high.value)
    throw invalid('gc-low-water must be below gc-high-water, and both in percent or both in bytes', {
      code: 'bad-configuration',
    });
  return { high, low };
}
