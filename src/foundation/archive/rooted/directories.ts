import { closeSync, fchmodSync } from 'node:fs';
import { mkdirat, openat } from '../../kernel/at.ts';
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../kernel/flags.ts';
import type { Root } from '../../kernel/rooted.ts';
import { isErrno } from '../../kernel/syscall-error.ts';
import { baseOf, parentOf, toKernelPath } from '../byte-path.ts';

/**
 * Descriptors of the directories below one directory of a tree, by path. Links among the parents are followed with the tree as their root, as processes
 * inside would. A descriptor stays with the directory that it was opened for, whoever renames things.
 */
export interface Directories extends Disposable {
  /** The directory at a normalised path (`''` is the base), missing ones made. Good until the next call of anything here. */
  open(path: string): number;
  /** Forget all descriptors: a directory was deleted. */
  forget(): void;
}

const cached = 128;
const flags = O_RDONLY | O_DIRECTORY;

/** `base` is a path of the tree, one character a byte. Throws ENOENT or ENOTDIR where it is none. */
export function openDirectories(root: Root, base: string): Directories {
  const baseFd = root.open(toKernelPath(base), flags);
  const opened = new Map<string, number>();
  let lastPath = '';
  let lastFd = baseFd;
  const forget = (): void => {
    for (const fd of opened.values()) closeSync(fd);
    opened.clear();
    lastPath = '';
    lastFd = baseFd;
  };
  const keep = (path: string, fd: number): number => {
    if (opened.size >= cached) forget();
    opened.set(path, fd);
    return fd;
  };
  const find = (path: string): number | undefined => {
    try {
      return root.open(toKernelPath(`${base}/${path}`), flags);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  };
  const open = (path: string): number => {
    if (path === '') return baseFd;
    const known = opened.get(path) ?? find(path);
    if (known !== undefined) return opened.has(path) ? known : keep(path, known);
    const parent = open(parentOf(path));
    const name = toKernelPath(baseOf(path));
    try {
      mkdirat(parent, name, 0o755);
    } catch (error) {
      // Somebody inside was faster, or a link that leads nowhere stands there: then the next step fails.
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    const fd = openat(parent, name, flags | O_NOFOLLOW);
    fchmodSync(fd, 0o755);
    return keep(path, fd);
  };
  return {
    open(path) {
      if (path === lastPath) return lastFd;
      lastFd = open(path);
      lastPath = path;
      return lastFd;
    },
    forget,
    [Symbol.dispose]() {
      forget();
      closeSync(baseFd);
    },
  };
}
