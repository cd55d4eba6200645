import { parseBlock } from './log-block.ts';
import { createTimeParser } from './log-filter.ts';
import { entryWidth } from './logs.ts';

/** A piece of whole lines and the times in it: what `since` and `until` look at instead of the lines. */
export interface TimedBlock {
  start: number;
  end: number;
  /** Of the entries in it; infinite (both ways) when one has no time that can be read. */
  earliestMs: number;
  latestMs: number;
}

/** The whole lines at the beginning of `bytes` and their times; undefined without a whole line. */
export function timeBlock(bytes: Buffer, start: number): TimedBlock | undefined {
  const { index, count, consumed } = parseBlock(bytes);
  if (consumed === 0) return undefined;
  const timeOf = createTimeParser(bytes);
  let earliestMs = Number.POSITIVE_INFINITY;
  let latestMs = Number.NEGATIVE_INFINITY;
  for (let slot = 0; slot < count * entryWidth; slot += entryWidth) {
    const time = timeOf(index[slot + 1] ?? 0, index[slot + 2] ?? 0);
    if (Number.isNaN(time))
      return {
        start,
        end: start + consumed,
        earliestMs: Number.NEGATIVE_INFINITY,
        latestMs: Number.POSITIVE_INFINITY,
      };
    if (time < earliestMs) earliestMs = time;
    if (time > latestMs) latestMs = time;
  }
  return { start, end: start + consumed, earliestMs, latestMs };
}
