import { closeSync, readdirSync } from 'node:fs';
import { openat } from '../kernel/at.ts';
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } from '../kernel/flags.ts';
import { type FileStatus, isDirectory, isRegular, statAt } from '../kernel/stat.ts';
import { unlessErrno } from '../kernel/syscall-error.ts';
import { getXattr } from '../kernel/xattr.ts';
import { joinPath, toKernelPath } from './byte-path.ts';
import { isWhiteout } from './member-status.ts';

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
  /** It differs from what the lower folders show there; times and sizes of directories do not count. */
  isModified: boolean;
}

/** It is gone, or another thing than a moment ago. */
export const vanished = ['ENOENT', 'ENOTDIR', 'ELOOP'] as const;
export const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

/**
 * Visits an upper folder depth first, in byte order, directories before their contents. `lowers` are the layers below it, topmost
 * first, for `existsBelow`; given them, what an opaque directory hides is visited too, as whiteouts. The tree may be changing and hostile: each step opens one component with `O_NOFOLLOW`; what vanishes is passed over.
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
    const below = lowers.map(open);
    yield {
      path: '',
      parent: fd,
      name: '.',
      status: statAt(fd, '.'),
      kind: 'directory',
      isOpaque,
      existsBelow: below.length > 0,
      isModified: false,
    };
    yield* walkDirectory({ fd, path: '', below, hidden: [] });
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

interface Directory {
  fd: number;
  path: string;
  /** The lower directories at this path, topmost first. */
  below: readonly number[];
  /** Names that only the lower directories have and the upper one hides. */
  hidden: readonly string[];
}

function* walkDirectory({ fd, path, below, hidden }: Directory): Generator<UpperNode> {
  const names = readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).map((name) =>
    name.toString('latin1'),
  );
  const gone = new Set(hidden);
  for (const name of names) gone.delete(name);
  for (const name of [...names, ...gone].sort(byBytes)) {
    const kernelName = toKernelPath(name);
    if (gone.has(name)) {
      const status = unlessErrno(vanished, () => statAt(fd, '.'));
      if (status) yield hiddenNode({ path, parent: fd, status }, name);
      continue;
    }
    const status = unlessErrno(vanished, () => statAt(fd, kernelName));
    if (!status) continue;
    const lower = findBelow(below, kernelName);
    const node = {
      path: joinPath(path, name),
      parent: fd,
      name,
      status,
      isOpaque: false,
      existsBelow: lower !== undefined,
      isModified: lower !== undefined && differs({ fd, status }, lower, kernelName),
    };
    if (isDirectory(status)) yield* walkChild(node, kernelName, below);
    else yield { ...node, kind: isWhiteout(status) ? 'whiteout' : 'other' };
  }
}

export function byBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function hiddenNode(place: Pick<UpperNode, 'path' | 'parent' | 'status'>, name: string): UpperNode {
  const path = joinPath(place.path, name);
  return { ...place, path, name, kind: 'whiteout', isOpaque: false, existsBelow: true, isModified: true };
}

function* walkChild(
  node: Omit<UpperNode, 'kind'>,
  kernelName: string | Buffer,
  lowers: readonly number[],
): Generator<UpperNode> {
  const fd = unlessErrno(vanished, () => openat(node.parent, kernelName, directoryFlags));
  if (fd === undefined) return;
  const isOpaque = hasOpaqueMark(fd);
  const below = lowerDirectories(lowers, kernelName);
  try {
    yield { ...node, kind: 'directory', isOpaque };
    yield* walkDirectory({ fd, path: node.path, below, hidden: isOpaque ? mergedNames(below) : [] });
  } finally {
    for (const each of [fd, ...below]) closeSync(each);
  }
}

/** What the merged lower directories (topmost first) show. */
function mergedNames(lowers: readonly number[]): string[] {
  const shown = new Map<string, boolean>();
  for (const fd of lowers)
    for (const entry of readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' })) {
      const name = entry.toString('latin1');
      if (shown.has(name)) continue;
      const status = unlessErrno(vanished, () => statAt(fd, toKernelPath(name)));
      shown.set(name, status !== undefined && !isWhiteout(status));
    }
  return [...shown].flatMap(([name, isShown]) => (isShown ? [name] : []));
}

/** Something that is not a whiteout, in the topmost lower folder that has the name. */
export function findBelow(
  lowers: readonly number[],
  name: string | Buffer,
): { fd: number; status: FileStatus } | undefined {
  for (const fd of lowers) {
    const status = unlessErrno(vanished, () => statAt(fd, name));
    if (status) return isWhiteout(status) ? undefined : { fd, status };
  }
  return undefined;
}

/** As Docker compares: kind, permissions, owner, device; of what is no directory also size, time and capabilities. */
function differs(
  upper: { fd: number; status: FileStatus },
  lower: { fd: number; status: FileStatus },
  name: string | Buffer,
): boolean {
  const [a, b] = [upper.status, lower.status];
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid) return true;
  if (a.rdev.major !== b.rdev.major || a.rdev.minor !== b.rdev.minor) return true;
  if (isDirectory(a)) return false;
  if (a.sizeBytes !== b.sizeBytes || a.mtimeNs !== b.mtimeNs) return true;
  return isRegular(a) && capabilities(upper.fd, name) !== capabilities(lower.fd, name);
}

function capabilities(parent: number, name: string | Buffer): string | undefined {
  const fd = unlessErrno(vanished, () => openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  if (fd === undefined) return undefined;
  try {
    return getXattr(fd, 'security.capability')?.toString('hex');
  } finally {
    closeSync(fd);
  }
}

/** The lower directories that overlayfs merges under the name: down to the first that is opaque or no directory. */
export function lowerDirectories(lowers: readonly number[], name: string | Buffer): number[] {
  const merged: number[] = [];
  for (const lower of lowers) {
    const status = unlessErrno(vanished, () => statAt(lower, name));
    if (!status) continue;
    if (!isDirectory(status)) break;
    const fd = openat(lower, name, directoryFlags);
    merged.push(fd);
    if (hasOpaqueMark(fd)) break;
  }
  return merged;
}

export function hasOpaqueMark(fd: number): boolean {
  return getXattr(fd, 'trusted.overlay.opaque')?.toString() === 'y';
}
