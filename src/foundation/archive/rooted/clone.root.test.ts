import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { futimens, openat } from '../../kernel/at.ts';
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../../kernel/flags.ts';
import { nextData, nextHole } from '../../kernel/holes.ts';
import { createReopener } from '../../kernel/reopen.ts';
import { getXattr, setXattr } from '../../kernel/xattr.ts';
import { cloneTree } from './clone.ts';

const root = process.getuid?.() === 0;
if (!root) console.log('skipped: copies with owners need root');

describe.skipIf(!root)('copies of trees', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'silo-clone-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const clone = (from: string, to: string): void => {
    mkdirSync(to);
    const fds = [from, to].map((path) => openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
    using reopener = createReopener();
    try {
      cloneTree({ from: fds[0] ?? -1, to: fds[1] ?? -1, reopener });
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  };
  const setTime = (path: string, mtimeNs: bigint): void => {
    const fd = openSync(path, 'r');
    futimens(fd, { atimeNs: mtimeNs, mtimeNs });
    closeSync(fd);
  };

  test('keeps owners, modes, times, links, devices, attributes, holes and strange names', () => {
    const from = join(folder, 'from');
    const to = join(folder, 'to');
    mkdirSync(join(from, 'dir/deep'), { recursive: true });
    const strange = Buffer.concat([Buffer.from(`${from}/`), Buffer.from([0xff, 0x0a, 0x20])]);
    writeFileSync(strange, 'strange');
    writeFileSync(join(from, 'file'), 'content');
    chownSync(join(from, 'file'), 1234, 4321);
    chmodSync(join(from, 'file'), 0o4751);
    setXattr(join(from, 'file'), 'user.note', Buffer.from('kept'));
    // Version 2 of an access control list: user::rw-, user:7:r--, group::r--, mask::r--, other::r--.
    const entries = [
      [1, 6, 0xffffffff],
      [2, 4, 7],
      [4, 4, 0xffffffff],
      [16, 4, 0xffffffff],
      [32, 4, 0xffffffff],
    ];
    const acl = Buffer.alloc(4 + entries.length * 8);
    acl.writeUInt32LE(2, 0);
    for (const [index, [tag = 0, rights = 0, id = 0]] of entries.entries()) {
      acl.writeUInt16LE(tag, 4 + index * 8);
      acl.writeUInt16LE(rights, 6 + index * 8);
      acl.writeUInt32LE(id, 8 + index * 8);
    }
    writeFileSync(join(from, 'listed'), '');
    let hasAcl = true;
    try {
      setXattr(join(from, 'listed'), 'system.posix_acl_access', acl);
    } catch {
      hasAcl = false;
      console.log('skipped: this file system has no access control lists');
    }
    linkSync(join(from, 'file'), join(from, 'dir/second'));
    symlinkSync('/etc/passwd', join(from, 'link'));
    symlinkSync('/', join(from, 'dir/deep/up'));
    spawnSync('mkfifo', [join(from, 'pipe')]);
    spawnSync('mknod', [join(from, 'null'), 'c', '1', '3']);
    const sparse = openSync(join(from, 'sparse'), 'w');
    writeSync(sparse, 'middle', 1 << 20);
    closeSync(sparse);
    truncateSync(join(from, 'sparse'), 8 << 20);
    chmodSync(join(from, 'dir'), 0o2700);
    for (const name of ['file', 'dir/deep', 'dir', '.'])
      setTime(join(from, name), 1_234_567_890_123_456_789n);
    clone(from, to);
    const names = (path: string): string =>
      spawnSync('sh', ['-c', `cd ${path} && find . -print0 | sort -z`]).stdout.toString('latin1');
    expect(names(to)).toEqual(names(from));
    const file = statSync(join(to, 'file'), { bigint: true });
    expect([file.uid, file.gid, file.mode & 0o7777n, file.mtimeNs]).toEqual([
      1234n,
      4321n,
      0o4751n,
      1_234_567_890_123_456_789n,
    ]);
    expect(statSync(join(to, 'dir/second')).ino).toBe(Number(file.ino));
    expect(getXattr(join(to, 'file'), 'user.note')?.toString()).toBe('kept');
    if (hasAcl) expect(getXattr(join(to, 'listed'), 'system.posix_acl_access')).toEqual(acl);
    expect(readlinkSync(join(to, 'link'))).toBe('/etc/passwd');
    expect(readlinkSync(join(to, 'dir/deep/up'))).toBe('/');
    expect(lstatSync(join(to, 'pipe')).isFIFO()).toBe(true);
    expect(lstatSync(join(to, 'null')).rdev).toBe(lstatSync(join(from, 'null')).rdev);
    expect(statSync(join(to, 'dir')).mode & 0o7777).toBe(0o2700);
    for (const name of ['dir', 'dir/deep', '.'])
      expect(statSync(join(to, name), { bigint: true }).mtimeNs).toBe(1_234_567_890_123_456_789n);
    expect(readFileSync(join(to, 'sparse')).equals(readFileSync(join(from, 'sparse')))).toBe(true);
    expect(statSync(join(to, 'sparse')).blocks).toBeLessThan(1000);
  });

  test('where data and holes are', () => {
    const path = join(folder, 'holes');
    const fd = openSync(path, 'w+');
    writeSync(fd, 'x', 1 << 20);
    expect(nextData(fd, 0)).toBe(1 << 20);
    expect(nextHole(fd, 1 << 20)).toBe((1 << 20) + 1);
    expect(nextData(fd, 2 << 20)).toBeUndefined();
    closeSync(fd);
  });

  test('attack: a tree that nests too deep is refused', () => {
    const from = join(folder, 'deep');
    spawnSync('mkdir', ['-p', `${from}${'/d'.repeat(1100)}`]);
    expect(() => clone(from, join(folder, 'deep-copy'))).toThrow('nested more than');
    spawnSync('rm', ['-rf', from, join(folder, 'deep-copy')]);
  }, 30_000);
});
