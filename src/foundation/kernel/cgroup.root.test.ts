import { afterAll, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cgroupDirectory,
  cgroupHost,
  cgroupProcesses,
  completeHybridHierarchy,
  containerProcesses,
} from './cgroup.ts';
import { fileSystemStatus } from './filesystem.ts';
import { parseMountInfo } from './mount-info.ts';
import { mountTmpfs, unmount } from './mount.ts';

const root = process.getuid?.() === 0;
if (!root) console.log('skipped: cgroups need root');

describe('the kind of host', () => {
  const line = (target: string, type: string, options: string): string =>
    `30 20 0:30 / ${target} rw - ${type} ${type} ${options}\n`;

  test('a pure v2 host has one tree', () => {
    const host = cgroupHost(parseMountInfo(line('/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate')));
    expect(host).toEqual({ mode: 'v2', unified: '/sys/fs/cgroup', hierarchies: new Map() });
    expect(cgroupDirectory(host, '/silo/abc', 'memory')).toBe('/sys/fs/cgroup/silo/abc');
  });

  test('a v1 host has controllers, several of which may share a hierarchy', () => {
    const mounts =
      line('/cg/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct') +
      line('/cg/systemd', 'cgroup', 'rw,xattr,name=systemd');
    const host = cgroupHost(parseMountInfo(mounts));
    expect(host.mode).toBe('v1');
    expect(cgroupDirectory(host, '/silo/abc', 'cpuacct')).toBe('/cg/cpu,cpuacct/silo/abc');
    expect(() => cgroupDirectory(host, '/silo/abc', 'memory')).toThrow('not available');
  });

  test('a hybrid host has both', () => {
    const mounts = line('/cg/unified', 'cgroup2', 'rw') + line('/cg/memory', 'cgroup', 'rw,memory');
    expect(cgroupHost(parseMountInfo(mounts)).mode).toBe('hybrid');
  });

  test('a host without cgroups is told so', () => {
    expect(() => cgroupHost([])).toThrow('no cgroup file system');
  });
});

describe.skipIf(!root)('cgroups', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-cgroup-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('the processes of a cgroup and of those below it are listed', async () => {
    const host = cgroupHost();
    const directory = cgroupDirectory(host, `/silo-test-${process.pid}`, 'pids');
    mkdirSync(join(directory, 'below'), { recursive: true });
    const children = [spawn('sleep', ['30']), spawn('sleep', ['30'])];
    const pids = children.map(({ pid }) => pid ?? 0);
    writeFileSync(join(directory, 'cgroup.procs'), String(pids[0]));
    writeFileSync(join(directory, 'below', 'cgroup.procs'), String(pids[1]));
    expect(new Set(await cgroupProcesses(directory))).toEqual(new Set(pids));
    expect(await containerProcesses(pids[1] ?? 0)).toContain(pids[1] ?? 0);
    const exits = children.map((child) => once(child, 'exit'));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(exits);
    rmdirSync(join(directory, 'below'));
    rmdirSync(directory);
    expect(await cgroupProcesses(directory)).toEqual([]);
  });

  test('completing the hierarchies leaves nothing to the v2 tree of a hybrid host and can be repeated', () => {
    const host = cgroupHost();
    completeHybridHierarchy(host);
    expect(completeHybridHierarchy()).toMatchObject({ mounted: [] });
    if (host.mode === 'hybrid' && host.unified !== undefined)
      expect(readFileSync(join(host.unified, 'cgroup.controllers'), 'utf8').trim()).toBe('');
  });

  test('a file system tells its type and what is left', async () => {
    mountTmpfs({ target: folder, sizeBytes: 4 << 20 });
    writeFileSync(join(folder, 'used'), Buffer.alloc(1 << 20));
    const status = await fileSystemStatus(folder);
    unmount(folder);
    expect(status).toMatchObject({ type: 'tmpfs', totalBytes: 4 << 20, freeBytes: 3 << 20 });
    expect(status.freeInodes).toBeLessThan(status.totalInodes);
  });
});
