import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { corrupt } from '../../foundation/base/errors.ts';

/**
 * How far a file that is being written is safe to read. The writer calls `advance`, `finish` or `fail`; any number of readers
 * follow at their own pace, from the beginning, through the page cache.
 */
export interface Progress {
  advance(size: number): void;
  finish(size: number): void;
  /** Readers get this error once they have read what was written before, or at once when they wait. */
  fail(error: Error): void;
  /** Resolves when more than `size` bytes are there, or the end is known. Rejects after `fail`. */
  beyond(size: number): Promise<{ size: number; finished: boolean }>;
}

export function createProgress(): Progress {
  let size = 0;
  let end: { error?: Error } | undefined;
  let waiting: (() => void)[] = [];
  const wake = (): void => {
    const all = waiting;
    waiting = [];
    for (const resolve of all) resolve();
  };
  return {
    advance(to) {
      size = to;
      wake();
    },
    finish(to) {
      size = to;
      end ??= {};
      wake();
    },
    fail(error) {
      end ??= { error };
      wake();
    },
    async beyond(than) {
      for (;;) {
        if (end?.error) throw end.error;
        if (size > than || end) return { size, finished: end !== undefined };
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

const chunkBytes = 512 * 1024;

/**
 * The content of a growing file from its first byte. Reading stops when nobody takes the chunks (back-pressure), the writer is not
 * slowed down. The file may be renamed meanwhile; it is opened at the call of the returned function's promise.
 */
export async function readGrowingFile(path: string, progress: Progress): Promise<Readable> {
  const file = await open(path, 'r');
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (let position = 0; ;) {
        const { size, finished } = await progress.beyond(position);
        while (position < size) {
          // A fresh buffer each time: the consumer may keep it.
          const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, size - position));
          const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, position);
          if (bytesRead === 0) throw corrupt('the partial blob shrank while it was read');
          position += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
        if (finished && position >= size) return;
      }
    } finally {
      await file.close();
    }
  }
  const stream = Readable.from(chunks(), { objectMode: false, highWaterMark: 2 * chunkBytes });
  // A generator that was never started does not run its `finally`.
  stream.once('close', () => void file.close().catch(() => undefined));
  return stream;
}
