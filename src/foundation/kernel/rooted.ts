import { readSync } from 'node:fs';
import { invalid } from '../base/errors.ts';
import { closeDescriptor, fchownat, mkdirat, openat, openDirectoryLater } from './at.ts';
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from './flags.ts';
import {
  EAGAIN,
  EINTR,
  cString,
  declare,
  fail,
  lastErrno,
  stableBytes,
  syscallNumbers,
  type CString,
  type Path,
} from './libc.ts';
import { isRegular, statDescriptor, type FileStatus } from './stat.ts';
import { isErrno } from './syscall-error.ts';

/**
 * The only way to touch paths below a tree that is not ours (a container's root, a layer, a volume). Every path, absolute or not, is
 * resolved by openat2(2) with the tree as root: symbolic links and `..` that point outside of it stay inside, whoever renames
 * things meanwhile.
 */
export interface Root extends Disposable {
  /** The tree itself, `O_PATH`. */
  readonly fd: number;
  /** Opens with these flags; the caller closes. `O_NOFOLLOW` for the last component; `O_PATH` to open nothing but a place. */
  open(path: Path, flags: number, mode?: number): number;
  /** The directory that holds the last component, and that component, not followed. For the calls of `at.ts`. */
  openParent(path: string): Parent;
  /** Creates what is missing, as `mkdir -p`, and gives that to the owner. Existing components may be links to directories. */
  mkdirAll(path: string, mode?: number, owner?: { uid: number; gid: number }): void;
  /** Of the thing itself, or of what a final link points to with `follow`. */
  stat(path: string, options?: { follow?: boolean }): FileStatus;
  /** A regular file, whole. Anything else (a FIFO, a device) is refused without being opened; so is more than `limitBytes`. */
  readFile(path: string, limitBytes: number): Buffer;
}

export interface Parent extends Disposable {
  readonly fd: number;
  readonly name: string;
}

const openat2Call = declare<[number, number, CString, BigUint64Array | Uint8Array, number]>(
  'syscall',
  'int64',
  ['int64', 'int64', 'str', 'void*', 'size_t'],
);
const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_IN_ROOT = 0x10n;
/** The kernel asks to try again when a rename passed while it climbed `..`; only an attacker makes that happen this often. */
const maximumRaces = 200;

/** Opens the tree; disposing closes it. The path of the tree itself is trusted and may hold links. */
export function openRoot(directory: string): Root {
  return rootAt(openat(AT_FDCWD, directory, O_PATH | O_DIRECTORY));
}

/** As `openRoot`, for a tree that is open already (`O_PATH` is enough), even one of another mount namespace. Takes over the descriptor. */
export function rootAt(fd: number): Root {
  const open = (path: Path, flags: number, mode = 0): number => openInRoot(fd, path, flags, mode);
  const openParent = (path: string): Parent => {
    const { parent, name } = splitLast(path);
    const parentFd = open(parent, O_PATH | O_DIRECTORY);
    return { fd: parentFd, name, [Symbol.dispose]: () => closeDescriptor(parentFd) };
  };
  return {
    fd,
    open,
    openParent,
    mkdirAll(path, mode = 0o755, owner) {
      let prefix = '';
      for (const component of components(path)) {
        prefix += `/${component}`;
        makeIfMissing({ open, openParent }, prefix, mode, owner);
      }
    },
    stat(path, options = {}) {
      return using(open(path, O_PATH | (options.follow ? 0 : O_NOFOLLOW)), statDescriptor);
    },
    readFile: (path, limitBytes) =>
      using(open(path, O_PATH), (place) => readRegular(place, path, limitBytes)),
    [Symbol.dispose]: () => closeDescriptor(fd),
  };
}

/**
 * A place (`O_PATH`) below a directory, found as `openRoot(directory).open` finds it, but on the thread pool: for a file system that may not answer. The caller
 * closes. A caller who does not wait any longer is no problem: what is found later must be closed by whoever holds the promise.
 */
export async function openPlaceBelow(directory: string, path: string): Promise<number> {
  const rootFd = await openDirectoryLater(directory);
  try {
    const name = cString(path === '' ? '/' : path, 'openat2');
    const how = stableBytes(24);
    how.writeBigUInt64LE(BigInt(O_PATH | O_CLOEXEC), 0);
    how.writeBigUInt64LE(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, 16);
    for (let races = 0; ; races++) {
      const { result, errno } = await openat2Call.async(
        syscallNumbers.openat2,
        rootFd,
        name,
        how,
        how.length,
      );
      if (result >= 0) return result;
      if (errno !== EINTR && (errno !== EAGAIN || races >= maximumRaces)) fail(errno, 'openat2', path);
    }
  } finally {
    closeDescriptor(rootFd);
  }
}

/** openat2(2) with `RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS`. */
function openInRoot(rootFd: number, path: Path, flags: number, mode: number): number {
  const name = cString(path === '' ? '/' : path, 'openat2');
  const how = new BigUint64Array([
    BigInt(flags | O_CLOEXEC),
    BigInt(mode),
    RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  ]);
  for (let races = 0; ; races++) {
    const result = openat2Call(syscallNumbers.openat2, rootFd, name, how, how.byteLength);
    if (result >= 0) return result;
    const errno = lastErrno();
    if (errno !== EINTR && (errno !== EAGAIN || races >= maximumRaces)) return fail(errno, 'openat2', path);
  }
}

function makeIfMissing(
  root: Pick<Root, 'open' | 'openParent'>,
  path: string,
  mode: number,
  owner?: { uid: number; gid: number },
): void {
  const enter = (): void => closeDescriptor(root.open(path, O_PATH | O_DIRECTORY));
  try {
    return enter();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  using parent = root.openParent(path);
  try {
    mkdirat(parent.fd, parent.name, mode);
    if (owner) fchownat(parent.fd, parent.name, owner.uid, owner.gid);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    // Another maker was faster, or a dangling link stands there: then this fails with ENOENT.
    enter();
  }
}

/** Opens for reading only what was seen to be a regular file: merely opening a device may act on it, or wait. */
function readRegular(place: number, path: string, limitBytes: number): Buffer {
  const status = statDescriptor(place);
  if (!isRegular(status)) throw invalid(`"${path}" is not a regular file`, { code: 'not-regular' });
  if (status.sizeBytes > limitBytes) throw tooLarge(path, limitBytes);
  return using(openat(AT_FDCWD, `/proc/self/fd/${place}`, O_RDONLY), (fd) => {
    // Read to the end: the size may grow meanwhile, and is 0 in /proc.
    const chunks: Buffer[] = [];
    for (let total = 0; total <= limitBytes;) {
      const chunk = Buffer.alloc(Math.min(limitBytes - total, Math.max(status.sizeBytes - total, 4096)) + 1);
      const count = readSync(fd, chunk, 0, chunk.length, null);
      if (count === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, count));
      total += count;
    }
    throw tooLarge(path, limitBytes);
  });
}

function tooLarge(path: string, limitBytes: number): Error {
  return invalid(`"${path}" is larger than ${limitBytes} bytes`, { code: 'file-too-large' });
}

function using<T>(fd: number, work: (fd: number) => T): T {
  try {
    return work(fd);
  } finally {
    closeDescriptor(fd);
  }
}

function components(path: string): string[] {
  return path.split('/').filter((component) => component !== '' && component !== '.');
}

function splitLast(path: string): { parent: string; name: string } {
  const parts = components(path);
  const name = parts.pop();
  if (name === undefined || name === '..')
    throw invalid(`"${path}" does not name something below a directory`, { code: 'no-last-component' });
  return { parent: `/${parts.join('/')}`, name };
}
