import { closeSync, fsyncSync } from 'node:fs';
import { dress } from '../../foundation/archive/rooted/clone.ts';
import { removeTree } from '../../foundation/archive/rooted/remove.ts';
import { toKernelPath } from '../../foundation/archive/byte-path.ts';
import { conflict, unsupported } from '../../foundation/base/errors.ts';
import { mkdirat, openat, renameat2 } from '../../foundation/kernel/at.ts';
import { readNames } from '../../foundation/kernel/directory.ts';
import {
  AT_FDCWD,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RENAME_NOREPLACE,
  S_IFDIR,
  S_IFMT,
} from '../../foundation/kernel/flags.ts';
import { statAt, statDescriptor } from '../../foundation/kernel/stat.ts';
import { syncFileSystemOf } from '../../foundation/kernel/sync.ts';
import { errnoNameOf, isErrno, unlessErrno } from '../../foundation/kernel/syscall-error.ts';
import { stagedPrefix } from './volume-process.ts';

/*
 * First content of a mounted file system, whose root cannot be replaced by a rename: it is collected in a folder inside, which another name then says to be
 * whole, and moved to the root entry by entry. Who dies on the way is followed up at the next mount, before anybody sees the volume: what is whole is
 * moved on, what is not is removed. What lies in a volume is hostile: everything goes by descriptors, no link is followed, and all stays inside.
 */

const wholeName = `${stagedPrefix}whole`;
/** What another engine collects is left alone for so long: it may be at work. */
const youngMs = 24 * 3_600_000;

/** Makes the folder for content. Kind `conflict` when the file system is not empty, `unsupported` when we may not write there. */
export function stageContent(directory: string, staged: string): void {
  using top = openDirectory(AT_FDCWD, directory);
  if (readNames(top.fd).length > 0) throw conflict('the volume is not empty', { code: 'volume-not-empty' });
  try {
    mkdirat(top.fd, staged, 0o700);
  } catch (cause) {
    // A server may refuse what root does: root_squash of exports(5).
    if (!isErrno(cause, 'EROFS', 'EACCES', 'EPERM')) throw cause;
    throw unsupported(`the volume is read-only: ${cause.message}`, { code: 'volume-read-only', cause });
  }
}

/** What the folder holds as `_data` becomes the content, and the folder goes; without `keep` it only goes. */
export async function settleContent(directory: string, staged: string, keep: boolean): Promise<void> {
  using top = openDirectory(AT_FDCWD, directory);
  if (!keep || !holdsContent(top.fd, staged)) return removeTree(top.fd, staged);
  await syncFileSystemOf(top.fd);
  renameat2(top.fd, staged, top.fd, wholeName, 0);
  fsyncSync(top.fd);
  moveOut(top.fd);
}

/** After an earlier helper that died: what it collected as `staged`, what others did long ago, and what is whole. A file system that refuses is mounted all the same. */
export function settleLeftovers(directory: string, staged: string): void {
  try {
    using top = openDirectory(AT_FDCWD, directory);
    const names = readNames(top.fd).filter((name) => name.startsWith(stagedPrefix));
    for (const name of names)
      if (name !== wholeName && (name === staged || !isAtWork(top.fd, name))) removeTree(top.fd, name);
    if (names.includes(wholeName)) moveOut(top.fd);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

function isAtWork(top: number, name: string): boolean {
  const { mode, ctimeNs } = statAt(top, toKernelPath(name));
  return (mode & S_IFMT) === S_IFDIR && Number(ctimeNs / 1_000_000n) > Date.now() - youngMs;
}

function holdsContent(top: number, staged: string): boolean {
  using folder = openDirectory(top, staged);
  return readNames(folder.fd).includes('_data');
}

function moveOut(top: number): void {
  try {
    using folder = openDirectory(top, wholeName);
    using content = openDirectory(folder.fd, '_data');
    for (const child of readNames(content.fd)) moveUp(content.fd, top, child);
    dressTop(content.fd, top);
    fsyncSync(top);
    using again = openDirectory(folder.fd, '_data');
    // What is neither moved nor in the way of something is not ours to delete.
    if (readNames(again.fd).length > 0) return;
  } catch (error) {
    // Not made by us.
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
  }
  removeTree(top, wholeName);
}

/** What is there under the name stays, and takes the place of what is not moved. Somebody else may move it at the same time. */
function moveUp(from: number, to: number, child: string): void {
  const name = toKernelPath(child);
  const move = (flags: number): void => unlessErrno(['ENOENT'], () => renameat2(from, name, to, name, flags));
  try {
    move(RENAME_NOREPLACE);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return removeTree(from, child);
    // Network file systems do not know the flag.
    if (!isErrno(error, 'EINVAL', 'EOPNOTSUPP', 'ENOSYS')) throw error;
    if (isFree(to, name)) move(0);
    else removeTree(from, child);
  }
}

/** A server may refuse to give files away; the content is there all the same. */
function dressTop(from: number, to: number): void {
  try {
    dress(from, to, statDescriptor(from));
  } catch (error) {
    if (!['EPERM', 'EACCES', 'EOPNOTSUPP', 'ENOTSUP'].includes(errnoNameOf(error) ?? '')) throw error;
  }
}

function isFree(parent: number, name: string | Buffer): boolean {
  try {
    statAt(parent, name);
    return false;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    throw error;
  }
}

function openDirectory(parent: number, name: string): Disposable & { fd: number } {
  const fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}
