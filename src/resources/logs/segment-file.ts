import { closeSync, fstatSync, openSync, read } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createArchiveReader } from './segment-archive.ts';
import { createPlainIndex } from './plain-index.ts';
import type { SegmentFile } from './segment.ts';

/** Throws the system's error when the file is not there. */
export function openPlain(path: string): SegmentFile {
  const fd = openSync(path, 'r');
  const { ino, dev } = fstatSync(fd);
  const readAt = (position: number, length: number): Promise<Buffer> => readExactly(fd, position, length);
  return {
    inode: ino,
    isArchive: false,
    // The size of an open file is in the kernel's memory: no reason for the thread pool.
    size: () => Promise.resolve(fstatSync(fd).size),
    read: readAt,
    times: (size) => createPlainIndex(`${dev}:${ino}`, readAt, size),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

export async function openArchive(path: string): Promise<SegmentFile> {
  const fd = openSync(path, 'r');
  try {
    const archive = await createArchiveReader((position, length) => readExactly(fd, position, length), {
      path,
      bytes: fstatSync(fd).size,
    });
    return { ...archive, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

async function readExactly(fd: number, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = await readOnce(fd, bytes.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function readOnce(fd: number, into: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** The inode that has the name now; undefined when none has. */
export async function inodeAt(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.ino;
}
