import type { FileHandle } from 'node:fs/promises';
import { parseBlock } from './log-block.ts';
import { filterBlock } from './log-filter.ts';
import { entryWidth, type LogBlock, type ReadLogs } from './logs.ts';

const firstBlockBytes = 64 * 1024;
const newline = 0x0a;

/**
 * Offset of the first entry of the last `tail` selected lines before `size`, found by reading backwards. Parts of one long line count as
 * one.
 */
export async function findTail(
  file: FileHandle,
  size: number,
  tail: number,
  options: ReadLogs,
): Promise<number> {
  if (tail === 0) return size;
  const count = createLineCounter(tail);
  let end = size;
  let blockBytes = firstBlockBytes;
  while (end > 0) {
    const start = Math.max(0, end - blockBytes);
    const bytes = await readExactly(file, start, end - start);
    const first = start === 0 ? 0 : bytes.indexOf(newline) + 1;
    if (first === 0 && start > 0) {
      blockBytes *= 2;
      continue;
    }
    const whole = bytes.subarray(first);
    const { bytes: _, ...parsed } = parseBlock(whole);
    const found = count(filterBlock({ bytes: whole, ...parsed }, options));
    if (found !== undefined) return start + first + found;
    end = start + first;
    blockBytes = Math.min(blockBytes * 2, 1024 * 1024);
  }
  return end;
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

export async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
