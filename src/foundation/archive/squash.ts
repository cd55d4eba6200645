import { closeSync, readdirSync } from 'node:fs';
import { openat } from '../kernel/at.ts';
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../kernel/flags.ts';
import { type FileStatus, isDirectory, statAt } from '../kernel/stat.ts';
import { unlessErrno } from '../kernel/syscall-error.ts';
import { joinPath, toKernelPath } from './byte-path.ts';
import { archiveOf } from './diff.ts';
import { isWhiteout } from './member-status.ts';
import {
  byBytes,
  directoryFlags,
  findBelow,
  hasOpaqueMark,
  lowerDirectories,
  type UpperNode,
  vanished,
} from './upper-walk.ts';

/**
 * Several folders of layers, topmost first, as the archive of the one layer that shows the same on top of `lowers` (topmost first, too). Only what the
 * folders hold is looked at. What one of them made and another one deleted is in no part of it.
 */
export const squashLayers = (uppers: readonly string[], lowers: readonly string[]): AsyncGenerator<Buffer> =>
  archiveOf(walkSquashed(uppers, lowers));

type SquashedNode = Omit<UpperNode, 'existsBelow' | 'isModified'>;

function* walkSquashed(uppers: readonly string[], lowers: readonly string[]): Generator<UpperNode> {
  const opened: number[] = [];
  const open = (path: string): number => {
    const fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    opened.push(fd);
    return fd;
  };
  try {
    const above = uppers.map(open);
    const below = lowers.map(open);
    const [top] = above;
    if (top === undefined) return;
    yield nodeOf({
      path: '',
      parent: top,
      name: '.',
      status: statAt(top, '.'),
      kind: 'directory',
      isOpaque: false,
    });
    yield* walkMerged('', above, below);
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** Nobody compares here. */
const nodeOf = (node: SquashedNode): UpperNode => ({ ...node, existsBelow: false, isModified: false });

/** `above` and `below` are the directories at this path that show through each other, topmost first. */
function* walkMerged(path: string, above: readonly number[], below: readonly number[]): Generator<UpperNode> {
  for (const name of namesOf(above)) {
    const kernelName = toKernelPath(name);
    const top = topOf(above, kernelName);
    if (!top) continue;
    const node = { path: joinPath(path, name), name, parent: top.fd, status: top.status, isOpaque: false };
    if (isWhiteout(top.status)) {
      if (findBelow(below, kernelName)) yield nodeOf({ ...node, kind: 'whiteout' });
    } else if (isDirectory(top.status)) yield* walkFolder(node, kernelName, { above, below });
    else yield nodeOf({ ...node, kind: 'other' });
  }
}

function* walkFolder(
  node: Omit<SquashedNode, 'kind'>,
  name: string | Buffer,
  { above, below }: { above: readonly number[]; below: readonly number[] },
): Generator<UpperNode> {
  const isHidden = hidesBelow(above, name);
  const inside = lowerDirectories(above, name);
  const under = isHidden ? [] : lowerDirectories(below, name);
  try {
    const isOpaque = isHidden && isDirectoryBelow(below, name);
    yield nodeOf({ ...node, kind: 'directory', isOpaque });
    yield* walkMerged(node.path, inside, under);
  } finally {
    for (const fd of [...inside, ...under]) closeSync(fd);
  }
}

/** Whether one of them, seen from the top, has something that lets nothing below shine through. */
function hidesBelow(above: readonly number[], name: string | Buffer): boolean {
  for (const fd of above) {
    const status = unlessErrno(vanished, () => statAt(fd, name));
    if (!status) continue;
    if (!isDirectory(status)) return true;
    const folder = openat(fd, name, directoryFlags);
    try {
      if (hasOpaqueMark(folder)) return true;
    } finally {
      closeSync(folder);
    }
  }
  return false;
}

function isDirectoryBelow(below: readonly number[], name: string | Buffer): boolean {
  const found = findBelow(below, name);
  return found !== undefined && isDirectory(found.status);
}

function namesOf(folders: readonly number[]): string[] {
  const names = folders.flatMap((fd) =>
    readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).map((name) => name.toString('latin1')),
  );
  return [...new Set(names)].sort(byBytes);
}

/** What the topmost of them that has the name says of it, a deletion too. */
function topOf(
  folders: readonly number[],
  name: string | Buffer,
): { fd: number; status: FileStatus } | undefined {
  for (const fd of folders) {
    const status = unlessErrno(vanished, () => statAt(fd, name));
    if (status) return { fd, status };
  }
  return undefined;
}
