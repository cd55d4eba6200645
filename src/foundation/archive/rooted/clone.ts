import { closeSync, fchmodSync, fchownSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { exhausted, SiloError } from '../../base/errors.ts';
import {
  fchownat,
  futimens,
  linkat,
  makeDevice,
  mkdirat,
  mknodat,
  openat,
  readlinkDescriptor,
  reflink,
  symlinkat,
  utimensat,
} from '../../kernel/at.ts';
import { readNames } from '../../kernel/directory.ts';
import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../../kernel/flags.ts';
import { nextData, nextHole } from '../../kernel/holes.ts';
import type { Reopener } from '../../kernel/reopen.ts';
import { type FileStatus, statDescriptor } from '../../kernel/stat.ts';
import { isErrno, unlessErrno } from '../../kernel/syscall-error.ts';
import { getXattr, listXattrs, setXattr } from '../../kernel/xattr.ts';
import { toKernelPath } from '../byte-path.ts';
import { openName } from './place.ts';
import { maximumDepth } from './remove.ts';

interface CloneState {
  readonly reopener: Reopener;
  /** The root of the copy. */
  readonly root: number;
  /** First names of files with several, by device and inode. */
  readonly firstNames: Map<string, string>;
  /** Cleared at the first file that cannot share its blocks. */
  canShare: boolean;
  readonly buffer: Buffer;
}

const bufferBytes = 1 << 20;
const maximumHardLinks = 1_000_000;

/**
 * Copies what a directory holds into an empty one, with its own owner, mode and attributes: files share their blocks where the file system can (FICLONE),
 * otherwise holes stay holes; hard links, owners, modes, extended attributes (ACLs among them), times to the nanosecond. No link is followed, devices are made,
 * never opened; sockets are left out, and what vanishes meanwhile. Nobody else may touch the copy until this returns.
 */
export function cloneTree(request: { from: number; to: number; reopener: Reopener }): void {
  const { from, to, reopener } = request;
  const state: CloneState = {
    reopener,
    root: to,
    firstNames: new Map(),
    canShare: true,
    buffer: Buffer.allocUnsafeSlow(bufferBytes),
  };
  try {
    cloneDirectory(state, { from, to, path: '', depth: 0 });
    dress(from, to, statDescriptor(from));
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (!isErrno(error, 'ENOSPC', 'EDQUOT') && code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    throw exhausted('no space left on device', {
      code: 'no-space',
      hint: 'free space on the file system of the volumes; nothing was changed',
      cause: error,
    });
  }
}

interface Pair {
  from: number;
  to: number;
  /** In the copy, from its root. */
  path: string;
  depth: number;
}

function cloneDirectory(state: CloneState, pair: Pair): void {
  if (pair.depth > maximumDepth)
    throw new SiloError('invalid', `directories are nested more than ${maximumDepth} deep`, {
      code: 'too-deep',
    });
  for (const name of readNames(pair.from)) {
    const place = unlessErrno(vanished, () => openName(pair.from, name));
    if (place === undefined) continue;
    try {
      cloneNode(state, pair, name, place);
    } finally {
      closeSync(place);
    }
  }
}

function cloneNode(state: CloneState, pair: Pair, name: string, place: number): void {
  const status = statDescriptor(place);
  const { to } = pair;
  const kernelName = toKernelPath(name);
  const path = pair.path === '' ? name : `${pair.path}/${name}`;
  switch (status.mode & S_IFMT) {
    case S_IFDIR: {
      const from = unlessErrno(vanished, () => state.reopener.reopen(place, O_RDONLY | O_DIRECTORY));
      if (from === undefined) return;
      using opened = closing(from);
      mkdirat(to, kernelName, 0o700);
      const made = opened.add(openat(to, kernelName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      cloneDirectory(state, { from, to: made, path, depth: pair.depth + 1 });
      return dress(from, made, status);
    }
    case S_IFREG:
      if (linkedToFirst(state, pair, { status, kernelName, path })) return;
      return cloneFile(state, place, { to, kernelName });
    case S_IFLNK:
      symlinkat(readlinkDescriptor(place), to, kernelName);
      break;
    case S_IFIFO:
      mknodat(to, kernelName, S_IFIFO | (status.mode & 0o7777));
      break;
    case S_IFCHR:
    case S_IFBLK:
      mknodat(
        to,
        kernelName,
        (status.mode & S_IFMT) | (status.mode & 0o7777),
        makeDevice(status.rdev.major, status.rdev.minor),
      );
      break;
    default:
      return;
  }
  fchownat(to, kernelName, status.uid, status.gid);
  utimensat(to, kernelName, status);
}

function linkedToFirst(
  state: CloneState,
  { to }: Pair,
  { status, kernelName, path }: { status: FileStatus; kernelName: string | Buffer; path: string },
): boolean {
  if (status.nlink < 2) return false;
  const key = `${status.device.major}:${status.device.minor}:${status.ino}`;
  const first = state.firstNames.get(key);
  if (first === undefined) {
    if (state.firstNames.size < maximumHardLinks) state.firstNames.set(key, path);
    return false;
  }
  try {
    linkat(state.root, toKernelPath(first), to, kernelName);
    return true;
  } catch (error) {
    // Too long a path, too many links: then it becomes a file of its own. Or the first one vanished before its turn.
    if (isErrno(error, 'ENAMETOOLONG', 'EMLINK', 'ENOENT')) return false;
    throw error;
  }
}

function cloneFile(
  state: CloneState,
  place: number,
  { to, kernelName }: { to: number; kernelName: string | Buffer },
): void {
  const from = unlessErrno(vanished, () => state.reopener.reopen(place, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (from === undefined) return;
  using opened = closing(from);
  const made = opened.add(openat(to, kernelName, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
  const status = statDescriptor(from);
  if (status.sizeBytes > 0) {
    state.canShare &&= reflink(from, made);
    if (!state.canShare) copyData(state.buffer, { from, to: made, sizeBytes: status.sizeBytes });
  }
  dress(from, made, status);
}

function copyData(
  buffer: Buffer,
  { from, to, sizeBytes }: { from: number; to: number; sizeBytes: number },
): void {
  ftruncateSync(to, sizeBytes);
  for (let position = 0; position < sizeBytes;) {
    const data = nextData(from, position);
    if (data === undefined) return;
    const end = Math.min(nextHole(from, data), sizeBytes);
    for (position = data; position < end;) {
      const count = readSync(from, buffer, 0, Math.min(buffer.length, end - position), position);
      // It shrank meanwhile.
      if (count === 0) return;
      for (let done = 0; done < count;) done += writeSync(to, buffer, done, count - done, position + done);
      position += count;
    }
  }
}

/** Gives one file or directory the owner, mode, attributes and times of another. Owner first: changing it clears set-id bits and capabilities. */
export function dress(from: number, to: number, status: FileStatus): void {
  fchownSync(to, status.uid, status.gid);
  fchmodSync(to, status.mode & 0o7777);
  for (const name of attributeNames(from)) {
    const value = getXattr(from, name);
    if (value) setAttribute(to, name, value);
  }
  futimens(to, status);
}

/** Those of the host's own security modules are given by the host. */
function attributeNames(fd: number): string[] {
  try {
    return listXattrs(fd).filter(
      (name) => name === 'security.capability' || !/^(security|trusted)\./.test(name),
    );
  } catch (error) {
    if (isErrno(error, 'EOPNOTSUPP', 'EPERM', 'EACCES')) return [];
    throw error;
  }
}

function setAttribute(fd: number, name: string, value: Buffer): void {
  try {
    setXattr(fd, name, value);
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP', 'EPERM')) throw error;
  }
}

const vanished = ['ENOENT', 'ESTALE'] as const;

function closing(first: number): Disposable & { add(fd: number): number } {
  const fds = [first];
  return {
    add(fd) {
      fds.push(fd);
      return fd;
    },
    [Symbol.dispose]() {
      for (const fd of fds) closeSync(fd);
    },
  };
}
