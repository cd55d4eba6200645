import { AT_REMOVEDIR, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_DIRECTORY, O_PATH } from './flags.ts';
import {
  EBADF,
  cString,
  check,
  checkRetry,
  declare,
  fail,
  lastErrno,
  type CString,
  type Path,
} from './libc.ts';

/*
 * Calls relative to a descriptor of a directory (an `O_PATH` one is enough, `AT_FDCWD` too). None follows a symbolic link
 * in the last component, except where it says so. Modes are subject to the process's umask, as in the kernel: set them with
 * `fchmod` (node:fs `fchmodSync`) afterwards where they must be exact.
 * For bytes of open files use node:fs: `writeSync(fd, bytes, offset, length, position)`, `readSync`, `ftruncateSync`, `fchmodSync`,
 * `fchownSync`, `fsyncSync`, `closeSync` work on any descriptor.
 */

const c = {
  openat: declare<[number, CString, number, number]>('openat', 'int', ['int', 'str', 'int', 'uint32']),
  mkdirat: declare<[number, CString, number]>('mkdirat', 'int', ['int', 'str', 'uint32']),
  mknodat: declare<[number, CString, number, bigint]>('mknodat', 'int', ['int', 'str', 'uint32', 'uint64']),
  symlinkat: declare<[CString, number, CString]>('symlinkat', 'int', ['str', 'int', 'str']),
  linkat: declare<[number, CString, number, CString, number]>('linkat', 'int', [
    'int',
    'str',
    'int',
    'str',
    'int',
  ]),
  unlinkat: declare<[number, CString, number]>('unlinkat', 'int', ['int', 'str', 'int']),
  renameat2: declare<[number, CString, number, CString, number]>('renameat2', 'int', [
    'int',
    'str',
    'int',
    'str',
    'uint32',
  ]),
  fchownat: declare<[number, CString, number, number, number]>('fchownat', 'int', [
    'int',
    'str',
    'uint32',
    'uint32',
    'int',
  ]),
  fchmodat: declare<[number, CString, number, number]>('fchmodat', 'int', ['int', 'str', 'uint32', 'int']),
  fchmod: declare<[number, number]>('fchmod', 'int', ['int', 'uint32']),
  utimensat: declare<[number, CString, BigInt64Array, number]>('utimensat', 'int', [
    'int',
    'str',
    'void*',
    'int',
  ]),
  futimens: declare<[number, BigInt64Array]>('futimens', 'int', ['int', 'void*']),
  readlinkat: declare<[number, CString, Uint8Array, number]>('readlinkat', 'int64', [
    'int',
    'str',
    'void*',
    'size_t',
  ]),
  close: declare<[number]>('close', 'int', ['int']),
  ioctl: declare<[number, number, number]>('ioctl', 'int', ['int', 'ulong', 'int64']),
};

/** openat(2), close-on-exec. Follows symbolic links as the flags say; for trees that are not trusted use `openRoot`. */
export function openat(dirfd: number, path: Path, flags: number, mode = 0): number {
  const name = cString(path, 'openat');
  return checkRetry(() => c.openat(dirfd, name, flags | O_CLOEXEC, mode), 'openat', path);
}

/** The directory as a place (`O_PATH`), found on the thread pool: the way there may lead through a file system that does not answer. */
export async function openDirectoryLater(path: string): Promise<number> {
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const { result, errno } = await c.openat.async(AT_FDCWD, cString(path, 'openat'), flags, 0);
  return result >= 0 ? result : fail(errno, 'openat', path);
}

/** mkdirat(2). */
export function mkdirat(dirfd: number, path: Path, mode: number): void {
  check(c.mkdirat(dirfd, cString(path, 'mkdirat'), mode), 'mkdirat', path);
}

/** mknodat(2): `mode` holds the file type (`S_IFCHR | 0o666`); `device` from `makeDevice`, 0n for FIFOs and sockets. */
export function mknodat(dirfd: number, path: Path, mode: number, device = 0n): void {
  check(c.mknodat(dirfd, cString(path, 'mknodat'), mode, device), 'mknodat', path);
}

/** makedev(3) of glibc. */
export function makeDevice(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn)
  );
}

/** symlinkat(2): the link at `path` holds `target`, unchecked. */
export function symlinkat(target: Path, dirfd: number, path: Path): void {
  check(c.symlinkat(cString(target, 'symlinkat'), dirfd, cString(path, 'symlinkat')), 'symlinkat', path);
}

/** linkat(2): a second name for what `fromPath` is, itself, even when it is a symbolic link. */
export function linkat(fromDirfd: number, fromPath: Path, toDirfd: number, toPath: Path): void {
  const [from, to] = [cString(fromPath, 'linkat'), cString(toPath, 'linkat')];
  check(c.linkat(fromDirfd, from, toDirfd, to, 0), 'linkat', toPath);
}

/** unlinkat(2) of anything but a directory. */
export function unlinkat(dirfd: number, path: Path): void {
  check(c.unlinkat(dirfd, cString(path, 'unlinkat'), 0), 'unlinkat', path);
}

/** unlinkat(2) with `AT_REMOVEDIR`: an empty directory. */
export function rmdirat(dirfd: number, path: Path): void {
  check(c.unlinkat(dirfd, cString(path, 'rmdirat'), AT_REMOVEDIR), 'rmdirat', path);
}

/** renameat2(2); flags `RENAME_NOREPLACE`, `RENAME_EXCHANGE`. */
export function renameat2(fromDirfd: number, fromPath: Path, toDirfd: number, toPath: Path, flags = 0): void {
  const [from, to] = [cString(fromPath, 'renameat2'), cString(toPath, 'renameat2')];
  check(c.renameat2(fromDirfd, from, toDirfd, to, flags), 'renameat2', toPath);
}

/** fchownat(2) of the thing itself. Clears set-id bits and file capabilities: do it before `fchmod` and xattrs. */
export function fchownat(dirfd: number, path: Path, uid: number, gid: number): void {
  const name = cString(path, 'fchownat');
  check(c.fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW), 'fchownat', path);
}

/** fchmod(2). */
export function fchmod(fd: number, mode: number): void {
  check(c.fchmod(fd, mode), 'fchmod');
}

/**
 * fchmodat(2): FOLLOWS a symbolic link in the last component, so only for names that the caller has just made and that
 * nobody else can replace (device nodes and FIFOs in a private tree).
 */
export function fchmodatFollowing(dirfd: number, path: Path, mode: number): void {
  check(c.fchmodat(dirfd, cString(path, 'fchmodat'), mode, 0), 'fchmodat', path);
}

/** Nanoseconds since the epoch, negative before it; `undefined` leaves the time as it is. */
export interface FileTimes {
  atimeNs: bigint | undefined;
  mtimeNs: bigint | undefined;
}

/** utimensat(2) of the thing itself, to the nanosecond. */
export function utimensat(dirfd: number, path: Path, times: FileTimes): void {
  const name = cString(path, 'utimensat');
  check(c.utimensat(dirfd, name, toTimespecs(times), AT_SYMLINK_NOFOLLOW), 'utimensat', path);
}

/** futimens(3). */
export function futimens(fd: number, times: FileTimes): void {
  check(c.futimens(fd, toTimespecs(times)), 'futimens');
}

const UTIME_OMIT = (1n << 30n) - 2n;
const second = 1_000_000_000n;

function toTimespecs(times: FileTimes): BigInt64Array {
  const specs = new BigInt64Array(4);
  for (const [index, time] of [times.atimeNs, times.mtimeNs].entries()) {
    const rest = time === undefined ? UTIME_OMIT : ((time % second) + second) % second;
    specs[index * 2] = time === undefined ? 0n : (time - rest) / second;
    specs[index * 2 + 1] = rest;
  }
  return specs;
}

/** readlinkat(2), as bytes: a target need not be UTF-8. */
export function readlinkat(dirfd: number, path: Path): Buffer {
  const buffer = Buffer.alloc(4096);
  const name = cString(path, 'readlinkat');
  const length = check(c.readlinkat(dirfd, name, buffer, buffer.length), 'readlinkat', path);
  return buffer.subarray(0, length);
}

/** readlinkat(2) of a link opened with `O_PATH | O_NOFOLLOW`. */
export function readlinkDescriptor(fd: number): Buffer {
  return readlinkat(fd, '');
}

/** close(2). On Linux the descriptor is gone even when the call fails; only a wrong descriptor is an error of ours. */
export function closeDescriptor(fd: number): void {
  if (c.close(fd) < 0 && lastErrno() === EBADF) fail(EBADF, 'close');
}

const FICLONE = 0x40049409;

/** ioctl_ficlone(2): the empty file `toFd` shares the blocks of `fromFd`. False where the file system cannot. */
export function reflink(fromFd: number, toFd: number): boolean {
  return c.ioctl(toFd, FICLONE, fromFd) === 0;
}

/** The path of a name below a directory descriptor, for calls that take only paths (such as `lsetxattr`): never follows `name`'s parents. */
export function pathAt(dirfd: number, name: string): string {
  return `/proc/self/fd/${dirfd}/${name}`;
}
