import type { SparseMap } from './sparse.ts';
import { contentPadding } from './tar-writer.ts';

/** The map of PAX 1.0 as it stands before the data, padded to a block. A hole at the end is told by an empty region there. */
export function formatSparseText(map: SparseMap, size: number): Buffer {
  const end = (map.at(-2) ?? 0) + (map.at(-1) ?? 0);
  const whole = end < size ? [...map, size, 0] : map;
  const text = Buffer.from([whole.length / 2, ...whole].map((number) => `${number}\n`).join(''));
  return Buffer.concat([text, contentPadding(text.length)]);
}
