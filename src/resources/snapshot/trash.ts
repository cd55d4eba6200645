import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { faultPoint } from '../../foundation/base/fault.ts';
import type { Log } from '../../foundation/base/log.ts';

/**
 * Deletes trees in the background: `discard` is one rename, so that what was removed is gone at once and wholly; its files go
 * later, one tree at a time, after a crash at the next start.
 */
export interface Trash {
  /** Absent is fine. */
  discard(path: string): Promise<void>;
  /** Resolves when everything discarded so far is deleted (or could not be, which was logged). */
  idle(): Promise<void>;
}

/** The folder must be on the same file system as what is discarded. Deletion of what an earlier run left starts at once. */
export async function openTrash(directory: string, log: Log): Promise<Trash> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let queue: Promise<void> = Promise.resolve();
  const enqueue = (name: string): void => {
    queue = queue.then(() => deleteTree(join(directory, name), log));
  };
  for (const name of await readdir(directory)) enqueue(name);
  return {
    async discard(path) {
      const name = randomBytes(8).toString('hex');
      try {
        await rename(path, join(directory, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
        throw error;
      }
      faultPoint('snapshot.trash.discarded');
      enqueue(name);
    },
    idle: () => queue,
  };
}

async function deleteTree(path: string, log: Log): Promise<void> {
  faultPoint('snapshot.trash.deleting');
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    // Something is still mounted or open below; the next start tries again.
    log.warn('could not delete a removed snapshot', { path, error: String(error) });
  }
}
