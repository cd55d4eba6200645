import { SiloError, exhausted } from '../base/errors.ts';
import {
  fchmodatFollowing,
  fchownat,
  futimens,
  type FileTimes,
  linkat,
  makeDevice,
  mkdirat,
  mknodat,
  symlinkat,
  unlinkat,
  utimensat,
} from '../kernel/at.ts';
import { S_IFBLK, S_IFCHR, S_IFIFO } from '../kernel/flags.ts';
import { type FileStatus, isDirectory, statAt } from '../kernel/stat.ts';
import { SyscallError, errnoNameOf, isErrno } from '../kernel/syscall-error.ts';
import { setXattr } from '../kernel/xattr.ts';
import { baseOf, classify, joinPath, normalise, parentOf, toKernelPath } from './byte-path.ts';
import {
  createEntryFile,
  dress,
  type EntryDress,
  type EntryFile,
  explaining,
  type Filler,
  timesOf,
} from './entry-file.ts';
import { isWhiteout } from './member-status.ts';
import { type LayerTree, openLayerTree } from './layer-tree.ts';
import type { TarEntry } from './tar-entry.ts';
import { archiveTooBig, corruptEntry, defaultTarLimits, displayName, type TarLimits } from './tar-limits.ts';
import { isAllowedXattr } from './xattr-policy.ts';

/** What was put into the folder. */
export interface AppliedLayer {
  /** Sum of the sizes of regular files. */
  sizeBytes: number;
  entries: number;
  /** Of the users and groups that own its files. */
  highestId: number;
}

/**
 * Fills an empty, private folder with a layer, as overlayfs wants it: `.wh.name` becomes a character device 0:0, `.wh..wh..opq` the
 * attribute `trusted.overlay.opaque`. Ownership, modes, file capabilities, `user.` attributes and times are exact. A later
 * entry of the same name wins. Parents that the archive lacks are made, 0755 and root's, with time zero.
 *
 * Feed it from a tar reader, then `finish` (directories get their times there). Needs the process's umask to be
 * irrelevant: it sets every mode itself. Disposing closes descriptors and leaves the files.
 */
export type LayerApplier = Filler<AppliedLayer> & Disposable;

interface ApplyState {
  readonly tree: LayerTree;
  readonly limits: TarLimits;
  /** Directories whose times are set at the end, because filling them changes them; by physical path. */
  readonly directoryTimes: Map<string, FileTimes>;
  sizeBytes: number;
  entries: number;
  highestId: number;
  madeParents: number;
  /** A whiteout gave way to a parent that is being made. */
  hidesLower: boolean;
  readonly file: EntryFile;
  current: TarEntry | undefined;
}

const layerDress: EntryDress = {
  keepsXattr: isAllowedXattr,
  // A file system without attributes: the image works without them as it does with Docker.
  xattrErrors: ['EOPNOTSUPP'],
};

const epoch: FileTimes = { atimeNs: 0n, mtimeNs: 0n };
const opaqueAttribute = 'trusted.overlay.opaque';
const opaqueValue = Buffer.from('y');

/** `rootPath` is the folder as this process names it. */
export function createLayerApplier(rootPath: string, limits: TarLimits = defaultTarLimits): LayerApplier {
  const tree = openLayerTree(rootPath, {
    madeParent: (path, fd) => madeParent(state, path, fd),
    parentBlocked: (parent, name, status) => removeWhiteout(state, parent, name, status),
    cannotEnter: (path) => corruptEntry(path, state.current?.offset ?? 0, 'a parent is not a directory'),
  });
  const state: ApplyState = {
    tree,
    limits,
    directoryTimes: new Map(),
    sizeBytes: 0,
    entries: 0,
    highestId: 0,
    madeParents: 0,
    hidesLower: false,
    file: createEntryFile(layerDress),
    current: undefined,
  };
  const filler: Filler<AppliedLayer> = {
    entry: (entry) => onEntry(state, entry),
    data: (bytes, position) => state.file.write(state.current, bytes, position),
    end: () => state.file.end(state.current),
    finish() {
      setDirectoryTimes(state);
      const { sizeBytes, entries, highestId } = state;
      return { sizeBytes, entries, highestId };
    },
  };
  return {
    ...explaining(filler, (error) => explain(error, state.current)),
    [Symbol.dispose]() {
      state.file[Symbol.dispose]();
      tree[Symbol.dispose]();
    },
  };
}

function onEntry(state: ApplyState, entry: TarEntry): void {
  state.current = entry;
  state.entries++;
  state.highestId = Math.max(state.highestId, entry.uid, entry.gid);
  const place = classify(entry.name, entry.offset);
  switch (place.kind) {
    case 'ignored':
      return;
    case 'root':
      if (entry.type !== 'directory')
        throw corruptEntry(entry.name, entry.offset, 'the root must be a directory');
      dress(state.tree.directory(''), entry, layerDress);
      state.directoryTimes.set('', timesOf(entry));
      return;
    case 'opaque':
      setXattr(state.tree.directory(place.parent), opaqueAttribute, opaqueValue);
      return;
    case 'whiteout':
      makeWhiteout(state, place.parent, place.name);
      return;
    case 'entry':
      makeEntry(state, entry, place.parent, place.name);
  }
}

function makeEntry(state: ApplyState, entry: TarEntry, parentPath: string, name: string): void {
  const parent = state.tree.directory(parentPath);
  const kernelName = toKernelPath(name);
  switch (entry.type) {
    case 'file':
      retryInPlace(state, parent, parentPath, name, (at) => openFile(state, at, kernelName, entry));
      return;
    case 'directory':
      makeDirectory(state, entry, parent, parentPath, name);
      return;
    case 'symlink': {
      const target = toKernelPath(entry.linkName);
      retryInPlace(state, parent, parentPath, name, (at) => {
        symlinkat(target, at, kernelName);
        fchownat(at, kernelName, entry.uid, entry.gid);
        utimensat(at, kernelName, timesOf(entry));
      });
      return;
    }
    case 'hardlink':
      makeHardLink(state, entry, parentPath, name);
      return;
    case 'char':
    case 'block':
    case 'fifo':
      retryInPlace(state, parent, parentPath, name, (at) => makeNode(at, kernelName, entry));
  }
}

/** Runs `make`; when the name is taken (an archive may hold a name twice), deletes what has it and runs it again. */
function retryInPlace(
  state: ApplyState,
  parent: number,
  parentPath: string,
  name: string,
  make: (parent: number) => void,
): void {
  try {
    make(parent);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    state.tree.remove(parent, parentPath, name);
    make(state.tree.directory(parentPath));
  }
}

function openFile(state: ApplyState, parent: number, name: string | Buffer, entry: TarEntry): void {
  state.file.create(parent, name, entry.mode);
  state.sizeBytes += entry.size;
}

function makeDirectory(
  state: ApplyState,
  entry: TarEntry,
  parent: number,
  parentPath: string,
  name: string,
): void {
  const { tree } = state;
  const kernelName = toKernelPath(name);
  let opaque = false;
  try {
    mkdirat(parent, kernelName, entry.mode & 0o777);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const status = statAt(parent, kernelName);
    if (!isDirectory(status)) {
      // A whiteout before it in this layer hides the lower directory, which this one must go on doing.
      opaque = isWhiteout(status);
      tree.remove(parent, parentPath, name);
      mkdirat(tree.directory(parentPath), kernelName, entry.mode & 0o777);
    }
  }
  const path = joinPath(parentPath, name);
  const fd = tree.directory(path);
  dress(fd, entry, layerDress);
  if (opaque) setXattr(fd, opaqueAttribute, opaqueValue);
  state.directoryTimes.set(tree.physical(path), timesOf(entry));
}

/** The target is a path in this layer; it must be there, and Docker's layers always bring it first. */
function makeHardLink(state: ApplyState, entry: TarEntry, parentPath: string, name: string): void {
  const { tree } = state;
  const kernelName = toKernelPath(name);
  const target = normalise(entry.linkName);
  if (target === joinPath(parentPath, name))
    throw corruptEntry(entry.name, entry.offset, 'hard link to itself');
  const targetName = toKernelPath(baseOf(target));
  const link = (): void => {
    const parent = tree.directory(parentPath);
    const from = tree.find(parentOf(target), { follow: true }) ?? -1;
    if (from < 0 || target === '') throw missingTarget(entry);
    try {
      linkat(from, targetName, parent, kernelName);
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'EPERM')) throw missingTarget(entry);
      throw error;
    }
  };
  retryInPlace(state, tree.directory(parentPath), parentPath, name, link);
}

function missingTarget(entry: TarEntry): Error {
  return corruptEntry(
    entry.name,
    entry.offset,
    `hard link to "${Buffer.from(entry.linkName, 'latin1').toString().slice(0, 200)}", which is not a file of this layer`,
  );
}

function makeNode(parent: number, name: string | Buffer, entry: TarEntry): void {
  const type = entry.type === 'char' ? S_IFCHR : entry.type === 'block' ? S_IFBLK : S_IFIFO;
  const device = entry.type === 'fifo' ? 0n : makeDevice(entry.devMajor, entry.devMinor);
  mknodat(parent, name, type | 0o600, device);
  fchownat(parent, name, entry.uid, entry.gid);
  fchmodatFollowing(parent, name, entry.mode);
  utimensat(parent, name, timesOf(entry));
}

/**
 * Whiteouts speak of the layers below (OCI image spec, layer.md#whiteouts): what this layer has under the name stays, a
 * directory of this layer stops showing the lower one.
 */
function makeWhiteout(state: ApplyState, parentPath: string, name: string): void {
  const parent = state.tree.directory(parentPath);
  const kernelName = toKernelPath(name);
  try {
    mknodat(parent, kernelName, S_IFCHR, 0n);
    utimensat(parent, kernelName, epoch);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    if (!isDirectory(statAt(parent, kernelName))) return;
    setXattr(state.tree.directory(joinPath(parentPath, name)), opaqueAttribute, opaqueValue);
  }
}

/** A whiteout whose name an entry needs as its parent gives way to an opaque directory. */
function removeWhiteout(state: ApplyState, parent: number, name: string, status: FileStatus): boolean {
  if (!isWhiteout(status)) return false;
  unlinkat(parent, toKernelPath(name));
  state.hidesLower = true;
  return true;
}

function madeParent(state: ApplyState, path: string, fd: number): void {
  if (++state.madeParents > state.limits.maxEntries)
    throw archiveTooBig(path, state.current?.offset ?? 0, 'too many folders must be made');
  if (state.hidesLower) setXattr(fd, opaqueAttribute, opaqueValue);
  state.hidesLower = false;
  state.directoryTimes.set(path, epoch);
}

function setDirectoryTimes(state: ApplyState): void {
  for (const [path, wanted] of state.directoryTimes) {
    const fd = path === '' ? state.tree.directory('') : state.tree.find(path, { follow: false });
    if (fd !== undefined) futimens(fd, wanted);
  }
}

/** What the archive asked for and the kernel refused is the archive's fault, except where the host is short of something. */
function explain(error: unknown, entry: TarEntry | undefined): unknown {
  const name = entry?.name ?? '';
  const offset = entry?.offset ?? 0;
  if (error instanceof SyscallError && error.kind === 'internal' && archiveFaults.has(error.errnoName))
    return corruptEntry(name, offset, error.message);
  if (error instanceof SiloError && error.kind !== 'exhausted') return error;
  const code = errnoNameOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return exhausted(`no space left on the device while unpacking "${displayName(name)}"`, {
      code: 'no-space',
      hint: 'free space below the data root, or prune unused images',
      cause: error,
    });
  return code === 'EFBIG' ? corruptEntry(name, offset, 'file is too large for the file system') : error;
}

const archiveFaults = new Set([
  'EEXIST',
  'EFBIG',
  'EINVAL',
  'EISDIR',
  'ELOOP',
  'EMLINK',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
  'ENOTEMPTY',
]);
