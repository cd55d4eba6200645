import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeFolder } from '../../foundation/base/remove-folder.ts';
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
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENAMETOOLONG') throw error;
    }
    if (!existsSync(path)) return;
    for (const part of [path, ...(await raiseDeep(path))]) await removeFolder(part);
  } catch (error) {
    // Something is still mounted or open below; the next start tries again.
    log.warn('could not delete a removed snapshot', { path, error: String(error) });
  }
}

/** Half of PATH_MAX: a name more still fits. */
const deepestBytes = 2048;

/**
 * Programs make folders deeper than a path can name (PATH_MAX), by paths relative to where they are. What lies so deep is moved up beside the tree, piece by piece;
 * the result is the pieces, all of which paths reach.
 */
async function raiseDeep(tree: string): Promise<string[]> {
  const raised: string[] = [];
  const left: Buffer[] = [Buffer.from(tree)];
  for (let folder = left.pop(); folder; folder = left.pop())
    for (const entry of await readdir(folder, { encoding: 'buffer', withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const path = Buffer.concat([folder, Buffer.from('/'), entry.name]);
      if (path.length < deepestBytes) {
        left.push(path);
        continue;
      }
      const piece = join(dirname(tree), randomBytes(8).toString('hex'));
      await rename(path, piece);
      raised.push(piece);
      left.push(Buffer.from(piece));
    }
  return raised;
}
