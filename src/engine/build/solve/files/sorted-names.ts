import type { Pace } from '../../../../foundation/base/pace.ts';

const runLength = 4096;

/** Merge sort, a little at a time. */
export async function sorted(names: string[], pace: Pace): Promise<string[]> {
  let runs: string[][] = [];
  for (let at = 0; at < names.length; at += runLength) {
    runs.push(names.slice(at, at + runLength).sort(byBytes));
    await pace();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let at = 0; at < runs.length; at += 2)
      merged.push(await merge(runs[at] ?? [], runs[at + 1] ?? [], pace));
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge(one: readonly string[], other: readonly string[], pace: Pace): Promise<string[]> {
  const merged: string[] = [];
  let at = 0;
  for (const name of one) {
    for (let next = other[at]; next !== undefined && next < name; next = other[++at]) merged.push(next);
    merged.push(name);
    if (merged.length % runLength === 0) await pace();
  }
  for (; at < other.length; at++) merged.push(other[at] ?? '');
  return merged;
}

const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
