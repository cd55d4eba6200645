import fs from 'node:fs';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
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
  /** Calls back after `fail`. */
  onFail(listener: (error: Error) => void): void;
  /** Resolves when more than `size` bytes are there, or the end is known. Rejects after `fail`. */
  beyond(size: number): Promise<{ size: number; finished: boolean }>;
}

export function createProgress(): Progress {
  let size = 0;
  let end: { error?: Error } | undefined;
  let waiting: (() => void)[] = [];
  const failListeners: ((error: Error) => void)[] = [];
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
      if (end) return;
      end = { error };
      wake();
      for (const listener of failListeners) listener(error);
    },
    onFail(listener) {
      if (end?.error) listener(end.error);
      else failListeners.push(listener);
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
// A plain descriptor: a forgotten `FileHandle` throws when it is collected.
const open = promisify(fs.open);

/**
 * The content of a growing file from its first byte; resolves when the file is open, so it may be renamed from then on. Reading
 * stops when nobody takes the chunks (back-pressure), the writer is not slowed down.
 */
export async function readGrowingFile(path: string, progress: Progress): Promise<Readable> {
  const descriptor = await open(path, 'r');
  let position = 0;
  // Closing in the middle of a read could hand the number to another file.
  let busy = false;
  let closeWhenIdle: (() => void) | undefined;
  const nextChunk = async (): Promise<Uint8Array | null> => {
    const { size, finished } = await progress.beyond(position);
    if (stream.destroyed || (finished && position >= size)) return null;
    busy = true;
    try {
      const chunk = await readAt(descriptor, position, Math.min(chunkBytes, size - position));
      position += chunk.byteLength;
      return chunk;
    } finally {
      busy = false;
      closeWhenIdle?.();
    }
  };
  const stream = new Readable({
    highWaterMark: 2 * chunkBytes,
    read() {
      nextChunk().then(
        (chunk) => this.push(chunk),
        (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
      );
    },
    destroy(error, done) {
      closeWhenIdle = () => fs.close(descriptor, (closeError) => done(error ?? closeError));
      if (!busy) closeWhenIdle();
    },
  });
  // Whoever reads hears of failures; whoever has not begun yet must not be left with an open file.
  stream.on('error', () => undefined);
  progress.onFail((error) => stream.destroy(error));
  return stream;
}

function readAt(descriptor: number, position: number, length: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // A fresh buffer each time: the consumer may keep it.
    const buffer = Buffer.allocUnsafe(length);
    fs.read(descriptor, buffer, 0, length, position, (error, bytesRead) => {
      if (error) reject(error);
      else if (bytesRead === 0) reject(corrupt('the partial blob shrank while it was read'));
      else resolve(buffer.subarray(0, bytesRead));
    });
  });
}
