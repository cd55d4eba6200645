import { closeSync, fchmodSync, readdirSync } from 'node:fs';
import { mkdirat, openat, readlinkat, rmdirat, unlinkat } from '../kernel/at.ts';
import { O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from '../kernel/flags.ts';
import { openRoot } from '../kernel/rooted.ts';
import { type FileStatus, isDirectory, isSymlink, statAt } from '../kernel/stat.ts';
import { isErrno } from '../kernel/syscall-error.ts';
import { components, joinPath, toKernelPath } from './byte-path.ts';

/**
 * Descriptors of the directories of a private tree that is being filled, by path. Every step opens one component below a
 * descriptor with `O_NOFOLLOW`; a symbolic link among the parents is resolved here, with the tree as its root. Nothing outside the
 * tree can be reached, whatever the names hold.
 */
export interface LayerTree extends Disposable {
  /**
   * The directory at a normalised path (`''` is the root), missing ones made. The descriptor is good until the next call of
   * this or of `remove`.
   */
  directory(path: string): number;
  /** Where the path leads when the links in it are followed, once `directory` was asked for it. */
  physical(path: string): string;
  /** The directory if it is there; good until the next call of anything. Without `follow` links are not entered. */
  find(path: string, options: { follow: boolean }): number | undefined;
  /** Deletes whatever has this name, with all below it. */
  remove(parent: number, parentPath: string, name: string): void;
}

export interface LayerTreeEvents {
  /** A missing parent was made, and opened. */
  madeParent(path: string, fd: number): void;
  /** A parent is missing and something that is not a directory has its name; true when it was put out of the way. */
  parentBlocked(parent: number, name: string, status: FileStatus): boolean;
  /** Too many links to follow, or something else in the way. */
  cannotEnter(path: string): Error;
}

/** Enough for the working set of a depth-first archive, few enough for a small descriptor limit. */
const cachedDirectories = 256;
/** As the kernel: path_resolution(7). */
const maximumLinks = 40;
const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

interface TreeState {
  readonly rootPath: string;
  readonly events: LayerTreeEvents;
  /** By physical path, least recently used first; never the root. */
  readonly open: Map<string, number>;
  /** Physical paths of paths that go through links. */
  readonly aliases: Map<string, string>;
  readonly rootFd: number;
  lastPath: string;
  lastFd: number;
}

/** `rootPath` is how this process names the tree; it is trusted. */
export function openLayerTree(rootPath: string, events: LayerTreeEvents): LayerTree {
  using root = openRoot(rootPath);
  const rootFd = openat(root.fd, '.', directoryFlags);
  const state: TreeState = {
    rootPath,
    events,
    open: new Map(),
    aliases: new Map(),
    rootFd,
    lastPath: '',
    lastFd: rootFd,
  };
  return {
    directory: (path) => directory(state, path),
    physical: (path) => state.aliases.get(path) ?? path,
    find: (path, { follow }) => find(state, path, follow),
    remove(parent, parentPath, name) {
      removeAny(state, parent, parentPath, name);
      closeAll(state);
    },
    [Symbol.dispose]() {
      closeAll(state);
      closeSync(rootFd);
    },
  };
}

function closeAll(state: TreeState): void {
  for (const fd of state.open.values()) closeSync(fd);
  state.open.clear();
  state.aliases.clear();
  state.lastPath = '';
  state.lastFd = state.rootFd;
}

function directory(state: TreeState, path: string): number {
  if (path === state.lastPath) return state.lastFd;
  const physical = state.aliases.get(path) ?? path;
  const cached = lookUp(state, physical);
  if (cached !== undefined) return use(state, path, cached);
  const walked = walk(state, path, true);
  if (walked.path !== path) state.aliases.set(path, walked.path);
  return use(state, path, walked.fd);
}

function use(state: TreeState, path: string, fd: number): number {
  state.lastPath = path;
  state.lastFd = fd;
  return fd;
}

function lookUp(state: TreeState, physical: string): number | undefined {
  if (physical === '') return state.rootFd;
  const fd = state.open.get(physical);
  if (fd === undefined) return undefined;
  state.open.delete(physical);
  state.open.set(physical, fd);
  return fd;
}

function keep(state: TreeState, physical: string, fd: number): number {
  state.open.set(physical, fd);
  if (state.open.size <= cachedDirectories) return fd;
  for (const [oldest, oldFd] of state.open) {
    // The last answer stays good.
    if (oldFd === state.lastFd) continue;
    state.open.delete(oldest);
    closeSync(oldFd);
    break;
  }
  return fd;
}

/** Resolves component by component. `done` is always a physical path, so `..` of a link is its parent on disk. */
function walk(state: TreeState, path: string, make: boolean): { path: string; fd: number } {
  const left = components(path).reverse();
  const done: string[] = [];
  let fd = state.rootFd;
  let links = 0;
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    if (part === '..') {
      done.pop();
      fd = directoryOnDisk(state, done);
      continue;
    }
    const physical = joinPath(done.join('/'), part);
    const next = lookUp(state, physical) ?? enter(state, fd, physical, part, make);
    if (typeof next === 'number') {
      done.push(part);
      fd = next;
      continue;
    }
    if (++links > maximumLinks) throw state.events.cannotEnter(path);
    if (next.target.startsWith('/')) {
      done.length = 0;
      fd = state.rootFd;
    }
    left.push(
      ...next.target
        .split('/')
        .filter((step) => step !== '' && step !== '.')
        .reverse(),
    );
    if (left.length > 4096) throw state.events.cannotEnter(path);
  }
  return { path: done.join('/'), fd };
}

function directoryOnDisk(state: TreeState, done: readonly string[]): number {
  let fd = state.rootFd;
  let physical = '';
  for (const part of done) {
    physical = joinPath(physical, part);
    fd = lookUp(state, physical) ?? keep(state, physical, openat(fd, toKernelPath(part), directoryFlags));
  }
  return fd;
}

/** Opens or makes one directory; the text of a link if there is one. */
function enter(
  state: TreeState,
  parent: number,
  physical: string,
  name: string,
  make: boolean,
): number | { target: string } {
  const kernelName = toKernelPath(name);
  try {
    return keep(state, physical, openat(parent, kernelName, directoryFlags));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP') || (!make && isErrno(error, 'ENOENT'))) throw error;
    if (!isErrno(error, 'ENOENT')) {
      const status = statAt(parent, kernelName);
      if (isSymlink(status)) return { target: readlinkat(parent, kernelName).toString('latin1') };
      if (!make || !state.events.parentBlocked(parent, name, status))
        throw state.events.cannotEnter(physical);
    }
  }
  mkdirat(parent, kernelName, 0o755);
  const fd = keep(state, physical, openat(parent, kernelName, directoryFlags));
  fchmodSync(fd, 0o755);
  state.events.madeParent(physical, fd);
  return fd;
}

function find(state: TreeState, path: string, follow: boolean): number | undefined {
  const cached = lookUp(state, path);
  if (cached !== undefined) return cached;
  try {
    return follow ? walk(state, path, false).fd : directoryOnDisk(state, path.split('/'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

function removeAny(state: TreeState, parent: number, parentPath: string, name: string): void {
  const kernelName = toKernelPath(name);
  if (!isDirectory(statAt(parent, kernelName))) {
    unlinkat(parent, kernelName);
    return;
  }
  const path = joinPath(parentPath, name);
  const fd = openat(parent, kernelName, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const child of namesIn(state.rootPath, path)) removeAny(state, fd, path, child);
  } finally {
    closeSync(fd);
  }
  rmdirat(parent, kernelName);
}

/** `path` is physical and the tree is private, so that naming it again reaches the same directory. */
function namesIn(rootPath: string, path: string): string[] {
  const bytes = Buffer.concat([Buffer.from(`${rootPath}/`), Buffer.from(path, 'latin1')]);
  return readdirSync(bytes, { encoding: 'buffer' }).map((name) => name.toString('latin1'));
}
