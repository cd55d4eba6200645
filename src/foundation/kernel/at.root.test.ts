import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { closeSync, lstatSync, mkdtempSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as at from './at.ts';
import {
  AT_FDCWD,
  O_CREAT,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  RENAME_NOREPLACE,
  S_IFCHR,
  S_IFIFO,
} from './flags.ts';
import { statAt, statDescriptor } from './stat.ts';
import { SyscallError } from './syscall-error.ts';
import { getXattr, listXattrs, setXattr } from './xattr.ts';

const root = process.getuid?.() === 0;
if (!root) console.log('skipped: calls relative to directories (device nodes and ownership need root)');

describe.skipIf(!root)('calls relative to a directory descriptor', () => {
  let folder = '';
  let dir = -1;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'silo-at-'));
    dir = at.openat(AT_FDCWD, folder, O_PATH | O_DIRECTORY);
  });
  afterAll(() => {
    at.closeDescriptor(dir);
    rmSync(folder, { recursive: true });
  });

  test('a failed call says which call, path and error', () => {
    const failure = thrownBy(() => at.mkdirat(dir, 'missing/child', 0o755));
    expect(failure).toMatchObject({
      kind: 'internal',
      code: 'enoent',
      call: 'mkdirat',
      errno: 2,
      errnoName: 'ENOENT',
      path: 'missing/child',
      message: 'mkdirat "missing/child": no such file or directory (ENOENT)',
    });
  });

  test('a NUL in a path is refused instead of cutting the path', () => {
    expect(thrownBy(() => at.mkdirat(dir, 'cut\0off', 0o755)).errnoName).toBe('EINVAL');
    expect(thrownBy(() => statAt(dir, 'cut')).errnoName).toBe('ENOENT');
  });

  test('device nodes have the numbers that were asked for', () => {
    at.mknodat(dir, 'device', S_IFCHR | 0o600, at.makeDevice(0x12345 & 0xfff, 0x54321));
    const status = statAt(dir, 'device');
    expect(status.rdev).toEqual({ major: 0x345, minor: 0x54321 });
    expect(BigInt(lstatSync(join(folder, 'device')).rdev)).toBe(at.makeDevice(0x345, 0x54321));
    at.mknodat(dir, 'whiteout', S_IFCHR, at.makeDevice(0, 0));
    expect(statAt(dir, 'whiteout').rdev).toEqual({ major: 0, minor: 0 });
  });

  test('a symbolic link is itself given an owner and times, to the nanosecond and before the epoch', () => {
    at.symlinkat('/etc/passwd', dir, 'link');
    at.fchownat(dir, 'link', 70_000, 4_000_000_000);
    at.utimensat(dir, 'link', { atimeNs: 1_700_000_000_123_456_789n, mtimeNs: -1n });
    const status = statAt(dir, 'link');
    expect(status).toMatchObject({ uid: 70_000, gid: 4_000_000_000, mtimeNs: -1n });
    expect(status.atimeNs).toBe(1_700_000_000_123_456_789n);
    at.utimensat(dir, 'link', { atimeNs: undefined, mtimeNs: 5n });
    expect(statAt(dir, 'link')).toMatchObject({ atimeNs: 1_700_000_000_123_456_789n, mtimeNs: 5n });
    expect(at.readlinkat(dir, 'link').toString()).toBe('/etc/passwd');
    using place = opened(at.openat(dir, 'link', O_PATH | O_NOFOLLOW));
    expect(at.readlinkDescriptor(place.fd).toString()).toBe('/etc/passwd');
  });

  test('a hard link to a symbolic link is a second name of the link', () => {
    at.symlinkat('nowhere', dir, 'first');
    at.linkat(dir, 'first', dir, 'second');
    expect(statAt(dir, 'second').ino).toBe(statAt(dir, 'first').ino);
  });

  test('names that are not UTF-8 keep their bytes', () => {
    const name = new Uint8Array([0x66, 0xff, 0xfe]);
    at.mkdirat(dir, name, 0o755);
    expect(statAt(dir, name).nlink).toBe(2);
    at.rmdirat(dir, name);
    expect(thrownBy(() => statAt(dir, name)).errnoName).toBe('ENOENT');
  });

  test('renaming without replacing leaves an existing name alone', () => {
    at.mkdirat(dir, 'old', 0o755);
    at.mkdirat(dir, 'taken', 0o755);
    const rename = (): void => at.renameat2(dir, 'old', dir, 'taken', RENAME_NOREPLACE);
    expect(thrownBy(rename).errnoName).toBe('EEXIST');
    at.renameat2(dir, 'old', dir, 'new', RENAME_NOREPLACE);
    expect(statAt(dir, 'new').nlink).toBe(2);
  });

  test('files opened here are written with node:fs and are close-on-exec', () => {
    const fd = at.openat(dir, 'file', O_RDWR | O_CREAT, 0o600);
    writeSync(fd, 'content', 3);
    at.fchmod(fd, 0o4755);
    at.futimens(fd, { atimeNs: 0n, mtimeNs: 1_000_000_001n });
    expect(statDescriptor(fd)).toMatchObject({ mode: 0o104755, sizeBytes: 10, mtimeNs: 1_000_000_001n });
    expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/flags:\s+02\d{6}/);
    closeSync(fd);
    at.unlinkat(dir, 'file');
  });

  test('a FIFO is made and its mode set by name', () => {
    at.mknodat(dir, 'fifo', S_IFIFO | 0o600);
    at.fchmodatFollowing(dir, 'fifo', 0o666);
    expect(statSync(join(folder, 'fifo')).mode).toBe(S_IFIFO | 0o666);
  });

  test('a copy by reference is true to its answer', () => {
    using file = opened(at.openat(dir, 'shared', O_RDWR | O_CREAT, 0o600));
    writeSync(file.fd, 'content');
    using copy = opened(at.openat(dir, 'copy', O_RDWR | O_CREAT, 0o600));
    const shared = at.reflink(file.fd, copy.fd);
    expect(readFileSync(join(folder, 'copy'), 'utf8')).toBe(shared ? 'content' : '');
  });

  test('an extended attribute holds any bytes, on files, links and by name below a directory', () => {
    const value = Buffer.from([0, 1, 0xff, 0]);
    const file = opened(at.openat(dir, 'with-xattr', O_RDWR | O_CREAT, 0o600));
    setXattr(file.fd, 'user.binary', value);
    expect(getXattr(file.fd, 'user.binary')).toEqual(value);
    file[Symbol.dispose]();
    const path = at.pathAt(dir, 'with-xattr');
    setXattr(path, 'trusted.empty', new Uint8Array());
    setXattr(path, 'user.large', Buffer.alloc(3000, 7));
    expect(listXattrs(path).sort()).toEqual(['trusted.empty', 'user.binary', 'user.large']);
    expect(getXattr(path, 'user.large')).toEqual(Buffer.alloc(3000, 7));
    expect(getXattr(path, 'trusted.empty')).toEqual(Buffer.alloc(0));
    expect(getXattr(path, 'user.absent')).toBeUndefined();
    at.symlinkat('with-xattr', dir, 'xattr-link');
    setXattr(at.pathAt(dir, 'xattr-link'), 'trusted.on-link', Buffer.from('x'));
    expect(listXattrs(path)).not.toContain('trusted.on-link');
  });
});

function opened(fd: number): Disposable & { fd: number } {
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

function thrownBy(work: () => unknown): SyscallError {
  try {
    work();
  } catch (error) {
    if (error instanceof SyscallError) return error;
    throw error;
  }
  throw new Error('expected a SyscallError');
}
