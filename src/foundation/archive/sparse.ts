import { parseNumber } from './tar-header.ts';

/**
 * Where a sparse file's data lies: offset, length, offset, length, … in ascending order. GNU tar manual, "Storing Sparse
 * Files": old GNU (type S), PAX 0.0 and 0.1 (records), 1.0 (a map before the data).
 */
export type SparseMap = number[];

/** Appends up to `count` pairs of an old GNU header; an unused pair ends the list. */
export function readOldGnuPairs(
  block: Buffer,
  at: number,
  count: number,
  map: SparseMap,
  failure: () => Error,
): void {
  for (let i = 0; i < count; i++) {
    const pair = at + i * 24;
    if (block[pair] === 0 && block[pair + 12] === 0) return;
    map.push(parseNumber(block, pair, 12, failure), parseNumber(block, pair + 12, 12, failure));
  }
}

/** PAX 0.1: `GNU.sparse.map` is a comma-separated list. */
export function parseSparseList(list: string, failure: () => Error): SparseMap {
  if (list === '') return [];
  if (!/^\d{1,16}(,\d{1,16})*$/.test(list)) throw failure();
  return list.split(',').map(Number);
}

/**
 * PAX 1.0: decimal numbers, one a line, padded to a block: the count of pairs, then the pairs. Feed block after block; the map
 * comes with the last one.
 */
export function createSparseTextReader(
  maxRegions: number,
  failure: () => Error,
): (block: Buffer) => SparseMap | undefined {
  let text = '';
  let wanted: number | undefined;
  const numbers: SparseMap = [];
  return (block) => {
    const lines = (text + block.toString('latin1')).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      if (wanted !== undefined && numbers.length === 2 * wanted) return numbers;
      if (!/^\d{1,16}$/.test(line)) throw failure();
      if (wanted === undefined) {
        wanted = Number(line);
        if (wanted > maxRegions) throw failure();
      } else numbers.push(Number(line));
    }
    if (wanted !== undefined && numbers.length === 2 * wanted) return numbers;
    if (text.length > 16) throw failure();
    return undefined;
  };
}

/** Regions must ascend without overlap, stay inside the file and need exactly the bytes that the archive holds. */
export function isConsistent(map: SparseMap, realSize: number, storedBytes: number): boolean {
  if (map.length % 2 !== 0) return false;
  let end = 0;
  let sum = 0;
  for (let i = 0; i < map.length; i += 2) {
    const offset = map[i] ?? 0;
    const length = map[i + 1] ?? 0;
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < end || length < 0)
      return false;
    end = offset + length;
    sum += length;
    if (end > realSize) return false;
  }
  return sum === storedBytes;
}
