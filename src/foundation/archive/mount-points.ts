import { closeSync, readdirSync } from 'node:fs';
import { openat } from '../kernel/at.ts';
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../kernel/flags.ts';
import { isDirectory, isRegular, statAt } from '../kernel/stat.ts';
import { unlessErrno } from '../kernel/syscall-error.ts';
import { listXattrs } from '../kernel/xattr.ts';
import { baseOf, components, joinPath, parentOf, toKernelPath } from './byte-path.ts';

/**
 * Which of the paths in an overlay upper folder are what a runtime makes to mount upon: still empty files and directories. With them go the directories
 * that are only there because they hold them, if the lower folders (topmost first) show the same. Nothing is removed and no link is followed: what
 * swapped a mount point for a link only keeps it. Paths in the result have one character a byte.
 */
export function emptyMountPoints(
  upper: string,
  lowers: readonly string[],
  paths: readonly string[],
): Set<string> {
  const found = new Set<string>();
  if (paths.length === 0) return found;
  const made = paths.map((path) => components(Buffer.from(path).toString('latin1')).join('/'));
  for (const path of made.toSorted((a, b) => components(b).length - components(a).length))
    if (isEmpty(upper, path, found)) found.add(path);
  for (const path of [...found].toSorted((a, b) => components(b).length - components(a).length))
    for (let parent = parentOf(path); parent !== '' && !made.includes(parent); parent = parentOf(parent)) {
      if (found.has(parent)) continue;
      if (!isEmpty(upper, parent, found) || !isCopyUp(upper, lowers, parent)) break;
      found.add(parent);
    }
  return found;
}

/** A file without content, or a directory that holds nothing but what was found to be empty. */
function isEmpty(upper: string, path: string, found: ReadonlySet<string>): boolean {
  return (
    inParent(upper, path, (parent, name) => {
      const status = statAt(parent, name);
      if (isRegular(status)) return status.sizeBytes === 0 && status.nlink === 1;
      if (!isDirectory(status)) return false;
      return inDirectory(parent, name, (fd) => namesIn(fd).every((each) => found.has(joinPath(path, each))));
    }) ?? false
  );
}

/** The same directory as in the topmost lower folder that has the path: it came up because something was made in it. */
function isCopyUp(upper: string, lowers: readonly string[], path: string): boolean {
  const own = inParent(upper, path, (parent, name) => ({
    status: statAt(parent, name),
    isPlain: inDirectory(parent, name, (fd) => listXattrs(fd).every((attribute) => isHarmless(attribute))),
  }));
  for (const lower of lowers) {
    const status = inParent(lower, path, statAt);
    if (!status) continue;
    return (
      own?.isPlain === true &&
      isDirectory(status) &&
      status.mode === own.status.mode &&
      status.uid === own.status.uid &&
      status.gid === own.status.gid
    );
  }
  return false;
}

/** Marks of overlayfs that hide nothing. */
const isHarmless = (attribute: string): boolean =>
  attribute === 'trusted.overlay.origin' || attribute === 'trusted.overlay.impure';

/** Does something with the directory that holds the path; undefined when it is not there or below a link. */
function inParent<T>(
  top: string,
  path: string,
  work: (parent: number, name: string | Buffer) => T,
): T | undefined {
  return unlessErrno(['ENOENT', 'ENOTDIR', 'ELOOP'], () => {
    let fd = openat(AT_FDCWD, top, O_RDONLY | O_DIRECTORY);
    try {
      for (const part of components(parentOf(path))) {
        const next = openat(fd, toKernelPath(part), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        closeSync(fd);
        fd = next;
      }
      return work(fd, toKernelPath(baseOf(path)));
    } finally {
      closeSync(fd);
    }
  });
}

function inDirectory<T>(parent: number, name: string | Buffer, work: (fd: number) => T): T {
  const fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

const namesIn = (fd: number): string[] =>
  readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).map((name) => name.toString('latin1'));
