import { closeSync } from 'node:fs';
import { exhausted, SiloError } from '../../base/errors.ts';
import {
  fchownat,
  type FileTimes,
  futimens,
  linkat,
  makeDevice,
  mkdirat,
  mknodat,
  openat,
  symlinkat,
  utimensat,
} from '../../kernel/at.ts';
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, S_IFBLK, S_IFCHR, S_IFIFO } from '../../kernel/flags.ts';
import type { IdMappings } from '../../kernel/id-mapping.ts';
import type { Root } from '../../kernel/rooted.ts';
import { type FileStatus, isDirectory, statAt } from '../../kernel/stat.ts';
import { errnoNameOf, isErrno, SyscallError } from '../../kernel/syscall-error.ts';
import { baseOf, components, normalise, parentOf, toKernelPath } from '../byte-path.ts';
import { type ContentsThread, failedEntry } from '../contents-thread.ts';
import {
  createEntryFile,
  dress,
  type EntryDress,
  type EntryFile,
  explaining,
  ownerOnHost,
  type Filler,
  timesOf,
} from '../entry-file.ts';
import type { TarEntry } from '../tar-entry.ts';
import { displayName } from '../tar-limits.ts';
import { isAllowedXattr } from '../xattr-policy.ts';
import { type Directories, openDirectories } from './directories.ts';
import { removeTree } from './remove.ts';

export interface ExtractOptions {
  root: Root;
  /** A directory of the tree, one character a byte; ENOENT and ENOTDIR are thrown as they come. */
  destination: string;
  /** What messages call the destination; itself when absent. */
  shownAs?: string;
  /** Refuse to replace a directory by something else, and the other way round. */
  keepKinds: boolean;
  /** Instead of the owners in the archive; `creator` leaves whoever runs this. */
  owner?: { uid: number; gid: number } | 'creator' | undefined;
  /** The tree is seen as the host sees that of a container with these ids, and owners are those inside. */
  ids?: IdMappings | undefined;
  /** Blocks of zeros take no space. */
  zerosAsHoles?: boolean;
  /** Which extended attributes come in; those of image layers when absent. */
  keepsXattr?: (name: string) => boolean;
  /** Writes what the archive's reader finds in its memory; stays the caller's. */
  contents?: ContentsThread;
}

/**
 * Fills a directory as Docker's `Untar` does: what is there under a name is replaced, directories are merged and get the archive's mode and owner, missing
 * parents are made 0755 and root's, the destination itself is left as it is. `.wh.` names mean nothing special. Feed it from a tar reader, then `finish`:
 * directories get their times there. Needs a umask of 0. Disposing closes descriptors.
 */
export type Extractor = Filler<void> & Disposable;

interface ExtractState extends ExtractOptions {
  readonly directories: Directories;
  /** Set at the end, because filling a directory changes its time. */
  readonly directoryTimes: Map<string, FileTimes>;
  readonly file: EntryFile;
  readonly dress: EntryDress;
  current: TarEntry | undefined;
}

/** Memory must not grow with the archive: beyond these, directories have the time of their last change. */
const maximumDirectoryTimes = 50_000;

export function createExtractor(options: ExtractOptions): Extractor {
  const entryDress: EntryDress = {
    owner: options.owner,
    ids: options.ids,
    keepsXattr: options.keepsXattr ?? isAllowedXattr,
    // As Docker: a file system without attributes takes the file without them.
    xattrErrors: ['EOPNOTSUPP', 'EPERM'],
  };
  const state: ExtractState = {
    ...options,
    directories: openDirectories(options.root, options.destination),
    directoryTimes: new Map(),
    file: createEntryFile(entryDress, {
      contents: options.contents,
      zerosAsHoles: options.zerosAsHoles === true,
    }),
    dress: entryDress,
    current: undefined,
  };
  const filler: Filler<void> = {
    entry: (entry) => onEntry(state, entry),
    data: (bytes, position) => state.file.write(state.current, bytes, position),
    end: () => state.file.end(state.current),
    finish() {
      state.contents?.settle();
      setDirectoryTimes(state);
    },
  };
  return {
    ...explaining(filler, (error) => explain(error, state)),
    [Symbol.dispose]() {
      state.file[Symbol.dispose]();
      state.directories[Symbol.dispose]();
    },
  };
}

function onEntry(state: ExtractState, entry: TarEntry): void {
  state.current = entry;
  const path = inside(entry.name);
  if (path === undefined)
    throw refused(`"${displayName(entry.name)}" is outside of "${displayName(nameOf(state))}"`);
  if (path === '') {
    if (entry.type !== 'directory')
      throw refused(
        `cannot overwrite directory "${displayName(nameOf(state))}" with non-directory "${displayName(entry.name)}"`,
      );
    return;
  }
  makeEntry(state, entry, path);
}

/** The path below the destination, normalised; undefined when `..` leads out of it. */
function inside(name: string): string | undefined {
  // An absolute name starts at the destination, and `/..` is `/`.
  if (name.startsWith('/') || !name.includes('..')) return normalise(name);
  let depth = 0;
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    depth += part === '..' ? -1 : 1;
    if (depth < 0) return undefined;
  }
  return components(name).join('/');
}

function makeEntry(state: ExtractState, entry: TarEntry, path: string): void {
  const kernelName = toKernelPath(baseOf(path));
  switch (entry.type) {
    case 'file':
      return replacing(state, path, (parent) => state.file.create(parent, kernelName, entry.mode));
    case 'directory':
      return makeDirectory(state, entry, path);
    case 'symlink': {
      const target = toKernelPath(entry.linkName);
      return replacing(state, path, (parent) => {
        symlinkat(target, parent, kernelName);
        ownName(state, parent, kernelName, entry);
        utimensat(parent, kernelName, timesOf(entry));
      });
    }
    case 'hardlink':
      return makeHardLink(state, entry, path);
    case 'char':
    case 'block':
    case 'fifo':
      return replacing(state, path, (parent) => {
        const type = entry.type === 'char' ? S_IFCHR : entry.type === 'block' ? S_IFBLK : S_IFIFO;
        const device = entry.type === 'fifo' ? 0n : makeDevice(entry.devMajor, entry.devMinor);
        // With its mode at once: chmod(2) by name could hit what somebody puts in its place.
        mknodat(parent, kernelName, type | (entry.mode & 0o777), device);
        ownName(state, parent, kernelName, entry);
        utimensat(parent, kernelName, timesOf(entry));
      });
  }
}

/** Runs `make`; when the name is taken, deletes what has it and runs it again. */
function replacing(state: ExtractState, path: string, make: (parent: number) => void): void {
  const { directories } = state;
  const parent = directories.open(parentOf(path));
  try {
    make(parent);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const name = baseOf(path);
    if (state.keepKinds && isDirectory(statAt(parent, toKernelPath(name))))
      throw refused(
        `cannot overwrite directory "${shown(state, path)}" with non-directory "${displayName(nameOf(state))}"`,
      );
    replaceWhenWhole(state);
    removeTree(parent, name);
    // Descriptors of what was deleted would still take files.
    directories.forget();
    make(directories.open(parentOf(path)));
  }
}

/** A file that cannot be written ends the copy: nothing that was there may be deleted for what comes after it. */
function replaceWhenWhole({ contents }: ExtractState): void {
  contents?.settle();
}

function makeDirectory(state: ExtractState, entry: TarEntry, path: string): void {
  const { directories } = state;
  const name = baseOf(path);
  const kernelName = toKernelPath(name);
  let parent = directories.open(parentOf(path));
  if (!makeIfMissing(parent, kernelName)) {
    const status: FileStatus = statAt(parent, kernelName);
    if (!isDirectory(status)) {
      if (state.keepKinds)
        throw refused(
          `cannot overwrite non-directory "${shown(state, path)}" with directory "${displayName(nameOf(state))}"`,
        );
      replaceWhenWhole(state);
      removeTree(parent, name);
      directories.forget();
      parent = directories.open(parentOf(path));
      mkdirat(parent, kernelName, 0o700);
    }
  }
  const fd = openat(parent, kernelName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    dress(fd, entry, state.dress);
  } finally {
    closeSync(fd);
  }
  if (state.directoryTimes.size < maximumDirectoryTimes) state.directoryTimes.set(path, timesOf(entry));
}

function makeIfMissing(parent: number, name: string | Buffer): boolean {
  try {
    mkdirat(parent, name, 0o700);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

/** The target is a path below the destination. A link there is not followed: then the link itself gets a second name. */
function makeHardLink(state: ExtractState, entry: TarEntry, path: string): void {
  const target = inside(entry.linkName);
  if (target === undefined || target === '')
    throw refused(`invalid hardlink "${shown(state, path)}" -> "${displayName(entry.linkName)}"`);
  if (target === path) return;
  const { root, destination } = state;
  const link = (parent: number): void => {
    const from = root.open(toKernelPath(`${destination}/${parentOf(target)}`), O_RDONLY | O_DIRECTORY);
    try {
      linkat(from, toKernelPath(baseOf(target)), parent, toKernelPath(baseOf(path)));
    } finally {
      closeSync(from);
    }
  };
  replacing(state, path, link);
}

/** Of what is no file or directory: the name itself, not followed. */
function ownName(state: ExtractState, parent: number, name: string | Buffer, entry: TarEntry): void {
  if (state.owner === 'creator') return;
  const { uid, gid } = ownerOnHost(state.owner ?? entry, state.ids);
  fchownat(parent, name, uid, gid);
}

function setDirectoryTimes(state: ExtractState): void {
  const { root, destination } = state;
  for (const [path, wanted] of state.directoryTimes) {
    let fd: number;
    try {
      fd = root.open(toKernelPath(`${destination}/${path}`), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      // A later entry, or somebody inside, has replaced it.
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) continue;
      throw error;
    }
    try {
      futimens(fd, wanted);
    } finally {
      closeSync(fd);
    }
  }
}

function nameOf({ shownAs, destination }: ExtractState): string {
  return shownAs ?? destination;
}

function shown(state: ExtractState, path: string): string {
  const destination = nameOf(state);
  return displayName(`${destination === '/' ? '' : destination}/${path}`);
}

function refused(message: string): SiloError {
  return new SiloError('invalid', message, { code: 'archive-refused' });
}

/** Docker's form, `call path: reason`, with the path as seen inside. */
function explain(error: unknown, state: ExtractState): unknown {
  if (error instanceof SiloError && !(error instanceof SyscallError)) return error;
  const code = errnoNameOf(error);
  const name = shown(state, inside((failedEntry(error) ?? state.current)?.name ?? '') ?? '');
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return exhausted(`write ${name}: no space left on device`, {
      code: 'no-space',
      hint: 'free space on the file system that holds it; what was copied until then stays',
      cause: error,
    });
  if (code === 'EROFS')
    return new SiloError('forbidden', `open ${name}: read-only file system`, {
      code: 'read-only',
      cause: error,
    });
  if (!(error instanceof SyscallError)) return error;
  const reason = error.message.slice(error.message.lastIndexOf(': ') + 2).replace(/ \([A-Z0-9]+\)$/, '');
  return new SiloError(
    archiveFaults.has(error.errnoName) ? 'invalid' : error.kind,
    `${callNames[error.call] ?? error.call} ${name}: ${reason}`,
    {
      code: error.code,
      cause: error,
    },
  );
}

/** As Docker's messages have them. */
const callNames: Readonly<Record<string, string>> = {
  openat: 'open',
  openat2: 'open',
  mkdirat: 'mkdir',
  linkat: 'link',
  symlinkat: 'symlink',
  mknodat: 'mknod',
};

/** What the archive asked for and the tree refused. */
const archiveFaults = new Set([
  'EBUSY',
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
  'EPERM',
  'EXDEV',
]);
