import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from './flags.ts';
import { cString, checkRetry, declare, stableBytes, type CString, type Path } from './libc.ts';

const statxCall = declare<[number, CString, number, number, Uint8Array]>('statx', 'int', [
  'int',
  'str',
  'int',
  'uint32',
  'void*',
]);
const AT_STATX_DONT_SYNC = 0x4000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_ATTR_MOUNT_ROOT = 0x2000;

/** What statx(2) tells. `mode` holds the type too; times are nanoseconds since the epoch. */
export interface FileStatus {
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  ino: bigint;
  sizeBytes: number;
  /** Space taken on disk. */
  allocatedBytes: number;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  /** Of the file system that holds it. */
  device: { major: number; minor: number };
  /** What a device node stands for. */
  rdev: { major: number; minor: number };
  /** Something is mounted exactly here. */
  isMountRoot: boolean;
}

/** statx(2) of the thing itself, never of what a symbolic link in the last component points to. */
export function statAt(dirfd: number, path: Path): FileStatus {
  return statx(dirfd, path, AT_SYMLINK_NOFOLLOW);
}

/** What the kernel knows without asking the server of the file system: what kind of thing it is, and whether it is a mount point; times and sizes may be old. */
export const knownStatus = {
  at: (dirfd: number, path: Path): FileStatus => statx(dirfd, path, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC),
  descriptor: (fd: number): FileStatus => statx(fd, '', AT_EMPTY_PATH | AT_STATX_DONT_SYNC),
};

/** statx(2) of an open descriptor, `O_PATH` ones too. */
export function statDescriptor(fd: number): FileStatus {
  return statx(fd, '', AT_EMPTY_PATH);
}

/** Who owns an open file, and its mode with the type: what most callers ask for, without the rest. */
export function ownershipOf(fd: number): { uid: number; gid: number; mode: number } {
  ask(fd, '', AT_EMPTY_PATH);
  return { uid: u32(0x14), gid: u32(0x18), mode: view.getUint16(0x1c, true) };
}

export const isRegular = (status: FileStatus): boolean => (status.mode & S_IFMT) === S_IFREG;
export const isDirectory = (status: FileStatus): boolean => (status.mode & S_IFMT) === S_IFDIR;
export const isSymlink = (status: FileStatus): boolean => (status.mode & S_IFMT) === S_IFLNK;

/** Filled and read within one call of `statx`, which nothing interrupts: a tree has thousands of files. */
const answer = stableBytes(256);
const view = new DataView(answer.buffer);
const u32 = (offset: number): number => view.getUint32(offset, true);
const u64 = (offset: number): bigint => view.getBigUint64(offset, true);
/** Exact to 2^53, as all that a file system holds. */
const size64 = (offset: number): number => u32(offset) + u32(offset + 4) * 2 ** 32;
const time = (offset: number): bigint =>
  view.getBigInt64(offset, true) * 1_000_000_000n + BigInt(u32(offset + 8));

function ask(dirfd: number, path: Path, flags: number): void {
  const name = cString(path, 'statx');
  checkRetry(() => statxCall(dirfd, name, flags, STATX_BASIC_STATS, answer), 'statx', path);
}

function statx(dirfd: number, path: Path, flags: number): FileStatus {
  ask(dirfd, path, flags);
  return {
    isMountRoot: (u32(0x08) & STATX_ATTR_MOUNT_ROOT) !== 0,
    nlink: u32(0x10),
    uid: u32(0x14),
    gid: u32(0x18),
    mode: view.getUint16(0x1c, true),
    ino: u64(0x20),
    sizeBytes: size64(0x28),
    allocatedBytes: size64(0x30) * 512,
    atimeNs: time(0x40),
    ctimeNs: time(0x60),
    mtimeNs: time(0x70),
    rdev: { major: u32(0x80), minor: u32(0x84) },
    device: { major: u32(0x88), minor: u32(0x8c) },
  };
}
