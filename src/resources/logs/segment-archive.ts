import { open, type FileHandle } from 'node:fs/promises';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { corrupt } from '../../foundation/base/errors.ts';
import { throwIfAborted } from '../../foundation/base/deadline.ts';
import type { SegmentFile } from './segment.ts';
import { type TimedBlock, timeBlock } from './time-range.ts';

/*
 * A compressed segment is a row of zstd frames, each of whole lines and of about 1 MiB, so that a reader inflates only what it wants, and at
 * the end a skippable frame (RFC 8878, 3.1.2) with the table: JSON, its length, a mark. `zstd -dc` reads the file like any other.
 */
const frameBytes = 1 << 20;
const longestLineBytes = 4 * 1024 * 1024;
const skippableMagic = 0x184d2a5e;
const mark = 0x53494c4f;
const footerBytes = 8;
const largestTableBytes = 64 * 1024 * 1024;

interface Frame extends TimedBlock {
  /** Place and length in the compressed file. */
  at: number;
  length: number;
}

interface Table {
  inode: number;
  frames: [start: number, end: number, earliestMs: number | null, latestMs: number | null, length: number][];
}

/** Writes `target` from the lines of `source`. The work is done by the thread pool. A torn last line is left out: no reader delivers it. */
export async function writeArchive(source: SegmentFile, target: string, signal: AbortSignal): Promise<void> {
  const file = await open(target, 'w', 0o640);
  try {
    const table: Table = { inode: source.inode, frames: [] };
    const size = await source.size();
    let wanted = frameBytes;
    for (let position = 0; position < size;) {
      throwIfAborted(signal, 'compressing a log segment');
      const bytes = await source.read(position, Math.min(wanted, size - position));
      const block = timeBlock(bytes, position);
      if (!block) {
        if (bytes.length < wanted || wanted > longestLineBytes) break;
        wanted *= 2;
        continue;
      }
      wanted = frameBytes;
      const packed = await compress(bytes.subarray(0, block.end - position));
      await writeAll(file, packed);
      table.frames.push([
        block.start,
        block.end,
        finite(block.earliestMs),
        finite(block.latestMs),
        packed.length,
      ]);
      position = block.end;
    }
    const json = Buffer.from(JSON.stringify(table));
    const head = Buffer.alloc(8);
    head.writeUInt32LE(skippableMagic, 0);
    head.writeUInt32LE(json.length + footerBytes, 4);
    const foot = Buffer.alloc(footerBytes);
    foot.writeUInt32LE(json.length, 0);
    foot.writeUInt32LE(mark, 4);
    await writeAll(file, Buffer.concat([head, json, foot]));
    // The name is published after the bytes: the plain segment goes away with it.
    await file.datasync();
  } finally {
    await file.close();
  }
}

const finite = (time: number): number | null => (Number.isFinite(time) ? time : null);

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
}

export async function createArchiveReader(
  readAt: (position: number, length: number) => Promise<Buffer>,
  { path, bytes }: { path: string; bytes: number },
): Promise<Omit<SegmentFile, typeof Symbol.dispose>> {
  const { inode, frames } = await readTable(readAt, { path, bytes });
  const size = frames.at(-1)?.end ?? 0;
  let inflated: { frame: Frame; text: Promise<Buffer> } | undefined;
  const textOf = (frame: Frame): Promise<Buffer> => {
    if (inflated?.frame !== frame) inflated = { frame, text: inflate(readAt, frame, path) };
    return inflated.text;
  };
  return {
    inode,
    isArchive: true,
    size: () => Promise.resolve(size),
    times: () => Promise.resolve(frames),
    async read(position, length) {
      const parts: Buffer[] = [];
      const end = Math.min(position + length, size);
      for (let index = frameAt(frames, position); position < end; index++) {
        const frame = frames[index];
        if (!frame) break;
        const text = await textOf(frame);
        const part = text.subarray(position - frame.start, Math.min(text.length, end - frame.start));
        parts.push(part);
        position += part.length;
      }
      const [only] = parts;
      return parts.length === 1 && only ? only : Buffer.concat(parts);
    },
  };
}

/** Index of the frame that holds the position (binary search). */
function frameAt(frames: readonly Frame[], position: number): number {
  let low = 0;
  let high = frames.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((frames[middle]?.end ?? 0) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function inflate(
  readAt: (position: number, length: number) => Promise<Buffer>,
  frame: Frame,
  path: string,
): Promise<Buffer> {
  const packed = await readAt(frame.at, frame.length);
  const length = frame.end - frame.start;
  const text = await new Promise<Buffer>((resolve, reject) => {
    zstdDecompress(packed, { maxOutputLength: length }, (error, result) =>
      error ? reject(broken(path, error)) : resolve(result),
    );
  });
  if (text.length !== length) throw broken(path);
  return text;
}

function compress(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    zstdCompress(bytes, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

async function readTable(
  readAt: (position: number, length: number) => Promise<Buffer>,
  { path, bytes }: { path: string; bytes: number },
): Promise<{ inode: number; frames: Frame[] }> {
  const foot = await readAt(Math.max(0, bytes - footerBytes), footerBytes);
  const length = foot.length === footerBytes && foot.readUInt32LE(4) === mark ? foot.readUInt32LE(0) : 0;
  if (length === 0 || length > largestTableBytes || length + footerBytes > bytes) throw broken(path);
  const json = await readAt(bytes - footerBytes - length, length);
  try {
    const table = JSON.parse(json.toString()) as Table;
    let at = 0;
    const frames = table.frames.map(([start, end, earliest, latest, packed]): Frame => {
      const frame = {
        start,
        end,
        earliestMs: earliest ?? Number.NEGATIVE_INFINITY,
        latestMs: latest ?? Number.POSITIVE_INFINITY,
        at,
        length: packed,
      };
      at += packed;
      return frame;
    });
    return { inode: table.inode, frames };
  } catch (cause) {
    throw broken(path, cause);
  }
}

function broken(path: string, cause?: unknown): Error {
  return corrupt(`the log segment ${path} is damaged`, {
    code: 'log-segment-damaged',
    hint: 'remove the file; the other segments stay readable',
    cause,
  });
}
