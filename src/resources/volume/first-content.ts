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
} from '../../foundation/kernel/flags.ts';
import { statAt, statDescriptor } from '../../foundation/kernel/stat.ts';
import { syncFileSystemOf } from '../../foundation/kernel/sync.ts';
import { isErrno } from '../../foundation/kernel/syscall-error.ts';
import { stagedName } from './volume-process.ts';

/*
 * First content of a mounted file system, whose root cannot be replaced by a rename: it is collected in a folder inside, which another name then says to be
 * whole, and moved to the root entry by entry. Who dies on the way is followed up at the next mount, before anybody sees the volume: what is whole is
 * moved on, what is not is removed. What lies in a volume is hostile: everything goes by descriptors, no link is followed, and all stays inside.
 */

const wholeName = `${stagedName}-whole`;

/** Makes the folder for content. Kind `conflict` when the file system is not empty, `unsupported` when it is read-only. */
export function stageContent(directory: string): void {
  using top = openDirectory(AT_FDCWD, directory);
  if (readNames(top.fd).length > 0) throw conflict('the volume is not empty', { code: 'volume-not-empty' });
  try {
    mkdirat(top.fd, stagedName, 0o700);
  } catch (cause) {
    if (!isErrno(cause, 'EROFS')) throw cause;
    throw unsupported('the volume is read-only', { code: 'volume-read-only', cause });
  }
}

/** What the folder holds as `_data` becomes the content, and the folder goes; without `keep` it only goes. */
export async function settleContent(directory: string, keep: boolean): Promise<void> {
  using top = openDirectory(AT_FDCWD, directory);
  if (!keep || !holdsContent(top.fd)) return removeTree(top.fd, stagedName);
  await syncFileSystemOf(top.fd);
  renameat2(top.fd, stagedName, top.fd, wholeName, 0);
  fsyncSync(top.fd);
  moveOut(top.fd);
}

/** After an earlier helper that died. A file system that refuses is mounted all the same. */
export function settleLeftovers(directory: string): void {
  try {
    using top = openDirectory(AT_FDCWD, directory);
    if (!isFree(top.fd, stagedName)) removeTree(top.fd, stagedName);
    if (!isFree(top.fd, wholeName)) moveOut(top.fd);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

function holdsContent(top: number): boolean {
  using folder = openDirectory(top, stagedName);
  return readNames(folder.fd).includes('_data');
}

function moveOut(top: number): void {
  try {
    using folder = openDirectory(top, wholeName);
    using content = openDirectory(folder.fd, '_data');
    for (const child of readNames(content.fd)) moveUp(content.fd, top, toKernelPath(child));
    dress(content.fd, top, statDescriptor(content.fd));
    fsyncSync(top);
  } catch (error) {
    // Not made by us.
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
  }
  removeTree(top, wholeName);
}

/** What is there under the name stays. */
function moveUp(from: number, to: number, name: string | Buffer): void {
  try {
    renameat2(from, name, to, name, RENAME_NOREPLACE);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return;
    // Network file systems do not know the flag.
    if (!isErrno(error, 'EINVAL', 'EOPNOTSUPP', 'ENOSYS')) throw error;
    if (isFree(to, name)) renameat2(from, name, to, name, 0);
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
