import { afterEach, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind } from '../base/errors.ts';
import { applyCgroupLimits, limitWrites } from './cgroup-limits.ts';
import type { CgroupHost } from './cgroup.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function tree(files: Record<string, string>): { folder: string; read: (file: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'silo-limits-'));
  folders.push(folder);
  mkdirSync(join(folder, 'box'));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, 'box', file), text);
  return { folder, read: (file) => readFileSync(join(folder, 'box', file), 'utf8') };
}
const version2 = (folder: string): CgroupHost => ({ mode: 'v2', unified: folder, hierarchies: new Map() });
const version1 = (folder: string): CgroupHost => ({
  mode: 'v1',
  unified: undefined,
  hierarchies: new Map(['memory', 'cpu', 'cpuset', 'pids', 'blkio'].map((name) => [name, folder])),
});
const written = (host: CgroupHost, limits: Parameters<typeof limitWrites>[2]): string[] =>
  limitWrites(host, 'box', limits).map(({ path, value }) => `${path.replace(/^.*\//, '')}=${value}`);

test('version 2 has its own names and units', () => {
  const { folder } = tree({ 'cpu.max': 'max 100000', 'memory.swap.max': 'max', 'io.weight': 'default 100' });
  const host = version2(folder);
  expect(
    written(host, {
      memory: { limit: 100, swap: 250, reservation: 50 },
      cpu: { shares: 1024, quota: 50_000, period: 20_000, cpus: '0-1', mems: '0' },
      pids: { limit: 9 },
      blockIO: { weight: 1000 },
    }),
  ).toEqual([
    'memory.max=100',
    'memory.swap.max=150',
    'memory.low=50',
    'cpu.weight=39',
    'cpu.max=50000 20000',
    'cpuset.cpus=0-1',
    'cpuset.mems=0',
    'pids.max=9',
    'io.weight=10000',
  ]);
  expect(written(host, { memory: { limit: -1, swap: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } })).toEqual(
    ['memory.max=max', 'memory.swap.max=max', 'cpu.max=max 100000', 'pids.max=max'],
  );
  expect(() => written(host, { cpu: { realtimeRuntime: 1 } })).toThrow('real-time');
});

test('quota and period share a file on version 2: one alone leaves the other', () => {
  const { folder } = tree({ 'cpu.max': '30000 60000' });
  expect(written(version2(folder), { cpu: { quota: 10_000 } })).toEqual(['cpu.max=10000 60000']);
  expect(written(version2(folder), { cpu: { period: 50_000 } })).toEqual(['cpu.max=30000 50000']);
});

test('on version 2 a limit below what is in use is refused, cached files do not count', async () => {
  const { folder, read } = tree({
    'memory.current': '1000',
    'memory.stat': 'anon 400\ninactive_file 300\nactive_file 300\n',
    'memory.max': 'max',
  });
  const refused = applyCgroupLimits(version2(folder), 'box', { memory: { limit: 399 } });
  expect(String(await refused.catch((error: unknown) => error))).toContain(
    'unable to set memory limit to 399 (current usage: 1000, peak usage: 1000)',
  );
  await applyCgroupLimits(version2(folder), 'box', { memory: { limit: 400 } });
  expect(read('memory.max')).toStartWith('400');
});

test('on version 1 memory and swap are written in the order that the kernel takes', () => {
  const files = { 'memory.limit_in_bytes': '100', 'memory.memsw.limit_in_bytes': '200' };
  const host = version1(tree(files).folder);
  const both = (limit: number, swap: number) => written(host, { memory: { limit, swap } });
  expect(both(300, 400)).toEqual(['memory.memsw.limit_in_bytes=400', 'memory.limit_in_bytes=300']);
  expect(both(50, 60)).toEqual(['memory.limit_in_bytes=50', 'memory.memsw.limit_in_bytes=60']);
  expect(both(-1, -1)).toEqual(['memory.memsw.limit_in_bytes=-1', 'memory.limit_in_bytes=-1']);
  expect(written(version1(tree({}).folder), { memory: { limit: 5, swap: 6 } })).toEqual([
    'memory.limit_in_bytes=5',
  ]);
});

test('when one write fails those before it are taken back', async () => {
  const { folder, read } = tree({ 'cpu.shares': '1024', 'cpu.cfs_period_us': '100000' });
  const failed = applyCgroupLimits(version1(folder), 'box', {
    cpu: { shares: 2048, period: 50_000, quota: 1 },
  });
  const error: unknown = await failed.catch((thrown: unknown) => thrown);
  expect(isKind(error, 'invalid')).toBe(true);
  expect(String(error)).toContain('failed to write "1": write ');
  expect([read('cpu.shares'), read('cpu.cfs_period_us')]).toEqual(['1024', '100000']);
});
