import { parseBlock } from './log-block.ts';
import { filterBlock } from './log-filter.ts';
import { entryWidth } from './logs.ts';
import type { SegmentFile } from './segment.ts';

/** A place in a row of segments. */
export interface Place {
  segment: number;
  position: number;
}

/** Segments and how much of each counts. */
export interface Extent {
  segments: readonly SegmentFile[];
  ends: readonly number[];
}

/** The first block with an entry at or after `sinceMs`: nothing before it is wanted. Right also when the clock was set back. */
export async function firstSince({ segments, ends }: Extent, sinceMs: number): Promise<Place> {
  let place: Place = { segment: 0, position: 0 };
  for (const [segment, file] of segments.entries()) {
    const blocks = await file.times(ends[segment] ?? 0);
    const wanted = blocks.find(({ latestMs }) => latestMs >= sinceMs);
    if (wanted) return { segment, position: wanted.start };
    place = { segment, position: blocks.at(-1)?.end ?? 0 };
  }
  return place;
}

/** The first entry after `untilMs`, at which reading ends; otherwise the end. */
export async function firstAfter({ segments, ends }: Extent, untilMs: number): Promise<Place> {
  for (const [segment, file] of segments.entries()) {
    for (const { start, end, latestMs } of await file.times(ends[segment] ?? 0)) {
      if (latestMs <= untilMs) continue;
      const parsed = parseBlock(await file.read(start, end - start));
      const { finished, count, index } = filterBlock(parsed, { stdout: true, stderr: true, untilMs });
      if (finished) return { segment, position: start + (index[count * entryWidth + 1] ?? 0) };
    }
  }
  return { segment: segments.length - 1, position: ends.at(-1) ?? 0 };
}
