import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import { removeFolder } from '../../foundation/base/remove-folder.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import type { Log } from '../../foundation/base/log.ts';
import { closeDescriptor, openat, pathAt, renameat2 } from '../../foundation/kernel/at.ts';
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../../foundation/kernel/flags.ts';
import { openRoot, rootAt } from '../../foundation/kernel/rooted.ts';
import { unlessErrno } from '../../foundation/kernel/syscall-error.ts';

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
/** Names that are looked at in one turn of the event loop. */
const sliceNames = 256;
const noFolder = ['ENOENT', 'ENOTDIR', 'ELOOP'];

/**
 * Programs make folders deeper than a path can name (PATH_MAX), by paths relative to where they are. What lies so deep is moved up beside the tree, piece by piece;
 * the result is the pieces, all of which paths reach.
 */
export async function raiseDeep(tree: string): Promise<string[]> {
  const raised: string[] = [];
  const left = [tree];
  for (let piece = left.pop(); piece !== undefined; piece = left.pop()) {
    const found = await raiseDeepOf(piece);
    raised.push(...found);
    left.push(...found);
  }
  return raised;
}

/** By descriptors: a link that takes the place of a folder meanwhile leads nowhere else. */
async function raiseDeepOf(tree: string): Promise<string[]> {
  const treeFd = unlessErrno(noFolder, () => openat(AT_FDCWD, tree, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  if (treeFd === undefined) return [];
  using root = rootAt(treeFd);
  using beside = openRoot(dirname(tree));
  const raised: string[] = [];
  const left: Buffer[] = [Buffer.from('.')];
  for (let folder = left.pop(); folder; folder = left.pop()) {
    const path = folder;
    const fd = unlessErrno(noFolder, () => root.open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    if (fd === undefined) continue;
    try {
      for (const [index, name] of (await readdir(pathAt(fd, '.'), { encoding: 'buffer' })).entries()) {
        if (index % sliceNames === 0) await endOfTurn();
        if (!isFolder(fd, name)) continue;
        const below = Buffer.concat([path, Buffer.from('/'), name]);
        if (below.length < deepestBytes) {
          left.push(below);
          continue;
        }
        const piece = randomBytes(8).toString('hex');
        renameat2(fd, name, beside.fd, piece);
        raised.push(join(dirname(tree), piece));
      }
    } finally {
      closeDescriptor(fd);
    }
  }
  return raised;
}

/** Asked of the kernel, name by name: Bun tells no types beside names that are bytes. */
function isFolder(dirfd: number, name: Buffer): boolean {
  const fd = unlessErrno(noFolder, () => openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  if (fd !== undefined) closeDescriptor(fd);
  return fd !== undefined;
}
