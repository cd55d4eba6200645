import { type TimedBlock, timeBlock } from './time-range.ts';

const blockBytes = 256 * 1024;
const longestLineBytes = 4 * 1024 * 1024;
/** A file's index is about 4 KiB per 16 MB. */
const kept = 256;

interface PlainIndex {
  blocks: TimedBlock[];
  building: Promise<void>;
}

/** By device and inode. A file only grows: what was indexed stays true, unless the inode was used again, which the size or the first line tells. */
const indexes = new Map<string, PlainIndex & { firstLine: string }>();

/** Indexes what is not indexed yet, up to `size`; calls for one file wait for each other. */
export async function createPlainIndex(
  key: string,
  read: (position: number, length: number) => Promise<Buffer>,
  size: number,
): Promise<readonly TimedBlock[]> {
  const firstLine = (await read(0, Math.min(size, 35))).toString('latin1');
  let known = indexes.get(key);
  if (!known || !firstLine.startsWith(known.firstLine) || (known.blocks.at(-1)?.end ?? 0) > size)
    known = { blocks: [], building: Promise.resolve(), firstLine };
  indexes.delete(key);
  indexes.set(key, known);
  if (indexes.size > kept)
    for (const oldest of indexes.keys()) {
      indexes.delete(oldest);
      break;
    }
  const { blocks } = known;
  known.building = known.building.catch(() => undefined).then(() => extend(blocks, read, size));
  await known.building;
  return blocks;
}

async function extend(
  blocks: TimedBlock[],
  read: (position: number, length: number) => Promise<Buffer>,
  size: number,
): Promise<void> {
  let wanted = blockBytes;
  for (;;) {
    // A short last block is made anew together with what follows it, so that blocks do not become many and small.
    const last = blocks.at(-1);
    const start =
      last && last.end < size && last.end - last.start < blockBytes / 2 ? last.start : (last?.end ?? 0);
    if (start >= size) return;
    const bytes = await read(start, Math.min(wanted, size - start));
    const block = timeBlock(bytes, start);
    if (!block || (last && block.end <= last.end)) {
      if (bytes.length < wanted || wanted > longestLineBytes) return;
      wanted *= 2;
      continue;
    }
    wanted = blockBytes;
    if (last && start === last.start) blocks.pop();
    blocks.push(block);
  }
}
