import { parseBlock } from './log-block.ts';
import { filterBlock } from './log-filter.ts';
import { entryWidth, type LogBlock, type ReadLogs } from './logs.ts';
import type { Extent, Place } from './log-range.ts';
import type { SegmentFile } from './segment.ts';

const firstBlockBytes = 64 * 1024;
const largestBlockBytes = 1024 * 1024;
const newline = 0x0a;

/**
 * The first entry of the last `tail` selected lines between two places, found by reading backwards across segments. Parts of one long line
 * count as one.
 */
export async function findTail(
  { segments, ends }: Extent,
  range: { from: Place; to: Place },
  options: ReadLogs & { tail: number },
): Promise<Place> {
  const { from, to } = range;
  if (options.tail === 0) return to;
  const count = createLineCounter(options.tail);
  for (let segment = to.segment; segment >= from.segment; segment--) {
    const file = segments[segment];
    if (!file) break;
    const floor = segment === from.segment ? from.position : 0;
    const end = segment === to.segment ? to.position : (ends[segment] ?? 0);
    const position = await searchBackwards(file, { floor, end }, (block) =>
      count(filterBlock(block, { ...options, untilMs: undefined })),
    );
    if (position !== undefined) return { segment, position };
  }
  return from;
}

async function searchBackwards(
  file: SegmentFile,
  { floor, end }: { floor: number; end: number },
  search: (block: LogBlock) => number | undefined,
): Promise<number | undefined> {
  let blockBytes = firstBlockBytes;
  while (end > floor) {
    const start = Math.max(floor, end - blockBytes);
    const bytes = await file.read(start, end - start);
    // A floor is where a line begins.
    const first = start === floor ? 0 : bytes.indexOf(newline) + 1;
    if (first === 0 && start > floor) {
      blockBytes *= 2;
      continue;
    }
    const whole = bytes.subarray(first);
    const { index, count } = parseBlock(whole);
    const found = search({ bytes: whole, index, count });
    if (found !== undefined) return start + first + found;
    end = start + first;
    blockBytes = Math.min(blockBytes * 2, largestBlockBytes);
  }
  return undefined;
}

/** Takes blocks from the last to the first; gives the offset inside the block at which the wanted lines begin. */
function createLineCounter(wanted: number): (block: LogBlock) => number | undefined {
  let lines = 0;
  let earliest: number | undefined;
  // Streams whose current line was already counted at its end.
  const open = new Set<number>();
  return ({ bytes, index, count }) => {
    earliest = undefined;
    for (let slot = (count - 1) * entryWidth; slot >= 0; slot -= entryWidth) {
      const stream = index[slot] ?? 0;
      const endsLine = bytes[(index[slot + 4] ?? 1) - 1] === newline;
      if (endsLine || !open.has(stream)) {
        if (lines === wanted) return earliest ?? bytes.length;
        lines++;
        open.add(stream);
      }
      earliest = index[slot + 1];
    }
    return undefined;
  };
}
