import { closeSync, readdirSync } from 'node:fs';
import { openat } from '../kernel/at.ts';
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, S_IFCHR, S_IFMT } from '../kernel/flags.ts';
import { type FileStatus, isDirectory, statAt } from '../kernel/stat.ts';
import { isErrno } from '../kernel/syscall-error.ts';
import { getXattr } from '../kernel/xattr.ts';
import { joinPath, toKernelPath } from './byte-path.ts';

/** Something that an overlay upper folder says about the folders below it. Good until the next one is asked for. */
export interface UpperNode {
  /** Path in the tree, one character a byte; the root is `''`. */
  path: string;
  /** Descriptor of the directory that holds it (of itself for the root), and its name there. */
  parent: number;
  name: string;
  status: FileStatus;
  kind: 'whiteout' | 'directory' | 'other';
  /** A directory that hides the lower ones. */
  isOpaque: boolean;
  /** The lower folders show something at this path. */
  existsBelow: boolean;
}

const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

/**
 * Visits an upper folder depth first, in byte order, directories before their contents. `lowers` are the layers below it, topmost
 * first, for `existsBelow`. The tree may be changing and hostile: each step opens one component with `O_NOFOLLOW`; what
 * vanishes is passed over.
 */
export function* walkUpper(upper: string, lowers: readonly string[] = []): Generator<UpperNode> {
  const opened: number[] = [];
  try {
    const open = (path: string): number => {
      const fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
      opened.push(fd);
      return fd;
    };
    const fd = open(upper);
    const isOpaque = hasOpaqueMark(fd);
    const below = isOpaque ? [] : lowers.map(open);
    const status = statAt(fd, '.');
    yield {
      path: '',
      parent: fd,
      name: '.',
      status,
      kind: 'directory',
      isOpaque,
      existsBelow: below.length > 0,
    };
    yield* walkDirectory(fd, '', below);
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

function* walkDirectory(fd: number, path: string, lowers: readonly number[]): Generator<UpperNode> {
  const names = readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).map((name) =>
    name.toString('latin1'),
  );
  for (const name of names.sort(byBytes)) {
    const kernelName = toKernelPath(name);
    const status = ifThere(() => statAt(fd, kernelName));
    if (!status) continue;
    const node = { path: joinPath(path, name), parent: fd, name, status, isOpaque: false };
    if (isDirectory(status)) yield* walkChild(fd, kernelName, node, lowers);
    else {
      const kind = isWhiteout(status) ? 'whiteout' : 'other';
      yield { ...node, kind, existsBelow: showsSomething(lowers, kernelName) };
    }
  }
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function* walkChild(
  parent: number,
  kernelName: string | Buffer,
  node: Omit<UpperNode, 'kind' | 'existsBelow'>,
  lowers: readonly number[],
): Generator<UpperNode> {
  const fd = ifThere(() => openat(parent, kernelName, directoryFlags));
  if (fd === undefined) return;
  const isOpaque = hasOpaqueMark(fd);
  const existsBelow = showsSomething(lowers, kernelName);
  const below = isOpaque ? [] : lowerDirectories(lowers, kernelName);
  try {
    yield { ...node, kind: 'directory', isOpaque, existsBelow };
    yield* walkDirectory(fd, node.path, below);
  } finally {
    for (const each of [fd, ...below]) closeSync(each);
  }
}

/** Whether the merged lower folders show anything under the name: the topmost that has it decides. */
function showsSomething(lowers: readonly number[], name: string | Buffer): boolean {
  for (const lower of lowers) {
    const status = ifThere(() => statAt(lower, name));
    if (status) return !isWhiteout(status);
  }
  return false;
}

/** The lower directories that overlayfs merges under the name: down to the first that is opaque or no directory. */
function lowerDirectories(lowers: readonly number[], name: string | Buffer): number[] {
  const merged: number[] = [];
  for (const lower of lowers) {
    const status = ifThere(() => statAt(lower, name));
    if (!status) continue;
    if (!isDirectory(status)) break;
    const fd = openat(lower, name, directoryFlags);
    merged.push(fd);
    if (hasOpaqueMark(fd)) break;
  }
  return merged;
}

function hasOpaqueMark(fd: number): boolean {
  return getXattr(fd, 'trusted.overlay.opaque')?.toString() === 'y';
}

function isWhiteout(status: FileStatus): boolean {
  return (status.mode & S_IFMT) === S_IFCHR && status.rdev.major === 0 && status.rdev.minor === 0;
}

function ifThere<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}
