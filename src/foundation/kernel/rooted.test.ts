import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdirat } from './at.ts';
import { O_CREAT, O_EXCL, O_WRONLY, S_IFLNK, S_IFMT } from './flags.ts';
import { openRoot, type Root } from './rooted.ts';

describe('a rooted tree', () => {
  let folder = '';
  let root: Root;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'silo-rooted-'));
    mkdirSync(join(folder, 'tree/real'), { recursive: true });
    mkdirSync(join(folder, 'outside'));
    writeFileSync(join(folder, 'outside/secret'), 'secret');
    writeFileSync(join(folder, 'tree/inside'), 'inside');
    symlinkSync('/inside', join(folder, 'tree/absolute'));
    symlinkSync('../outside', join(folder, 'tree/up'));
    symlinkSync(join(folder, 'outside'), join(folder, 'tree/host'));
    symlinkSync('/real', join(folder, 'tree/directory'));
    symlinkSync('/gone', join(folder, 'tree/dangling'));
    root = openRoot(join(folder, 'tree'));
  });
  afterAll(() => {
    root[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  test('absolute links lead to the root of the tree', () => {
    expect(root.readFile('/absolute', 100).toString()).toBe('inside');
    expect(root.readFile('absolute', 6).toString()).toBe('inside');
    expect(root.readFile('../../../inside', 100).toString()).toBe('inside');
  });

  test('links and dots never lead out of the tree', () => {
    for (const path of ['up/secret', 'host/secret', '../outside/secret', 'real/../../outside/secret'])
      expect(() => root.readFile(path, 100)).toThrow('ENOENT');
  });

  test('magic links of /proc are not followed', () => {
    using proc = openRoot('/proc');
    expect(() => proc.open('self/cwd', 0)).toThrow('ELOOP');
    expect(() => proc.open('self/fd/0', 0)).toThrow('ELOOP');
  });

  test('directories are made through links inside the tree and nothing is made outside', () => {
    root.mkdirAll('directory/a/b');
    expect(existsSync(join(folder, 'tree/real/a/b'))).toBe(true);
    root.mkdirAll('/real/../made');
    expect(existsSync(join(folder, 'tree/made'))).toBe(true);
    expect(() => root.mkdirAll('host/created')).toThrow('ENOENT');
    expect(() => root.mkdirAll('dangling')).toThrow('ENOENT');
    expect(() => root.mkdirAll('inside/x')).toThrow('ENOTDIR');
    expect(existsSync(join(folder, 'outside/created'))).toBe(false);
    root.mkdirAll('/');
  });

  test('the parent is resolved in the tree and the last component is left alone', () => {
    using parent = root.openParent('/directory/../dangling/');
    expect(parent.name).toBe('dangling');
    expect(() => mkdirat(parent.fd, parent.name, 0o755)).toThrow('EEXIST');
    expect(() => root.openParent('/')).toThrow('does not name');
    expect(() => root.openParent('real/..')).toThrow('does not name');
  });

  test('a file is created where it was asked for', () => {
    const fd = root.open('directory/new', O_WRONLY | O_CREAT | O_EXCL, 0o640);
    writeSync(fd, 'x');
    closeSync(fd);
    expect(readFileSync(join(folder, 'tree/real/new'), 'utf8')).toBe('x');
  });

  test('status is of the link, or of its target when asked', () => {
    expect(root.stat('absolute').mode & S_IFMT).toBe(S_IFLNK);
    expect(root.stat('absolute', { follow: true }).sizeBytes).toBe(6);
    expect(root.stat('/').nlink).toBeGreaterThan(1);
  });

  test('only regular files within the limit are read, and a FIFO does not hang', () => {
    spawnSync('mkfifo', [join(folder, 'tree/fifo')]);
    expect(() => root.readFile('fifo', 100)).toThrow('not a regular file');
    expect(() => root.readFile('real', 100)).toThrow('not a regular file');
    expect(() => root.readFile('inside', 5)).toThrow('larger than 5 bytes');
    writeFileSync(join(folder, 'tree/sparse'), '');
    truncateSync(join(folder, 'tree/sparse'), 10 * 2 ** 30);
    expect(() => root.readFile('sparse', 1 << 20)).toThrow('larger than');
    writeFileSync(join(folder, 'tree/empty'), '');
    expect(root.readFile('empty', 0)).toHaveLength(0);
    using proc = openRoot('/proc');
    expect(proc.readFile('kallsyms', 64 << 20).length).toBeGreaterThan(10_000);
    expect(() => proc.readFile('kallsyms', 10_000)).toThrow('larger than');
  });
});
