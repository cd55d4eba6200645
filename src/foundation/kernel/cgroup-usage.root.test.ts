import { describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupHost, type CgroupHost } from './cgroup.ts';
import { readCgroupUsage } from './cgroup-usage.ts';

const root = process.getuid?.() === 0;
if (!root) console.log('skipped: usage of real control groups needs root');

const path = `/silo-usage-${process.pid}`;

/** Groups of our own in these trees, gone with the scope. */
function groups(trees: readonly string[]): Disposable {
  const stack = new DisposableStack();
  for (const tree of new Set(trees)) {
    mkdirSync(join(tree, path));
    stack.defer(() => rmdirSync(join(tree, path)));
  }
  return stack;
}

/** A shell that joins the groups and counts for a while. */
function work(trees: readonly string[]): void {
  const joins = trees.map((tree) => `echo $$ > ${join(tree, path)}/cgroup.procs`).join('; ');
  const { status, stderr } = spawnSync('sh', [
    '-c',
    `${joins}; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done`,
  ]);
  expect([status, stderr.toString()]).toEqual([0, '']);
}

describe.skipIf(!root)('the kernel', () => {
  const host = root ? cgroupHost() : undefined;

  test('counts time and pressure in the tree of version 2', () => {
    const { unified } = host ?? {};
    if (unified === undefined) return console.log('skipped: this host has no version 2 of control groups');
    using _group = groups([unified]);
    work([unified]);
    const usage = readCgroupUsage({ mode: 'v2', unified, hierarchies: new Map() }, path);
    expect(usage?.version).toBe(2);
    expect(usage?.cpu.totalNs).toBeGreaterThan(0);
    const { totalNs = 0, userNs = 0, systemNs = 0 } = usage?.cpu ?? {};
    expect(Math.abs(totalNs - userNs - systemNs)).toBeLessThanOrEqual(2000);
    expect(usage?.pressure === undefined).toBe(!existsSync('/proc/pressure/cpu'));
  });

  test('counts time, memory and processes in the hierarchies of version 1', () => {
    const wanted = ['cpu', 'cpuacct', 'memory', 'pids'];
    const { hierarchies = new Map<string, string>() } = host ?? {};
    if (!wanted.every((name) => hierarchies.has(name)))
      return console.log('skipped: this host has no version 1 of control groups');
    const v1: CgroupHost = { mode: 'v1', unified: undefined, hierarchies };
    const trees = wanted.map((name) => hierarchies.get(name) ?? '');
    using _group = groups(trees);
    work([...new Set(trees)]);
    const usage = readCgroupUsage(v1, path);
    expect(usage?.version).toBe(1);
    expect(usage?.cpu.totalNs).toBeGreaterThan(0);
    expect(usage?.cpu.perCpuNs?.reduce((sum, ns) => sum + ns, 0)).toBe(usage?.cpu.totalNs ?? -1);
    expect(usage?.memory.peakBytes).toBeGreaterThan(0);
    expect(usage?.memory.limitBytes).toBeUndefined();
    expect(usage?.pids).toEqual({ current: 0 });
    expect(readCgroupUsage(v1, `${path}-gone`)).toBeUndefined();
  });
});
