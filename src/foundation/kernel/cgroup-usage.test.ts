import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CgroupHost } from './cgroup.ts';
import { readCgroupUsage, readHostCpu } from './cgroup-usage.ts';
import { parseLinkCounters, readLinkCounters } from './link-counters.ts';

const folder = mkdtempSync(join(tmpdir(), 'silo-usage-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A tree of control files as a kernel shows them. */
function tree(name: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    const full = join(folder, name, path);
    mkdirSync(join(full, '..'), { recursive: true });
    writeFileSync(full, text);
  }
  return join(folder, name);
}

const pressure = (some: number, full: number): string =>
  `some avg10=0.31 avg60=0.12 avg300=0.02 total=${some}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=${full}\n`;

const v2Files = {
  'silo/c/cgroup.procs': '4711\n',
  'silo/c/cpu.stat': `usage_usec 1234567
user_usec 1000000
system_usec 234567
nice_usec 0
core_sched.force_idle_usec 0
nr_periods 40
nr_throttled 12
throttled_usec 345678
nr_bursts 0
burst_usec 0
`,
  'silo/c/memory.current': '104857600\n',
  'silo/c/memory.peak': '157286400\n',
  'silo/c/memory.max': '268435456\n',
  'silo/c/memory.events': 'low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n',
  'silo/c/memory.stat': `anon 41943040
file 62914560
kernel 1572864
kernel_stack 16384
inactive_anon 41938944
active_anon 4096
inactive_file 52428800
active_file 10485760
pgfault 12345
thp_fault_alloc 0
`,
  'silo/c/io.stat': `254:0 rbytes=7593984 wbytes=4096 rios=210 wios=1 dbytes=0 dios=0
8:16 rbytes=0 wbytes=8192 rios=0 wios=2 dbytes=65536 dios=1
7:0
`,
  'silo/c/pids.current': '3\n',
  'silo/c/pids.max': '100\n',
  'silo/c/cpu.pressure': pressure(5000, 0),
  'silo/c/memory.pressure': pressure(70, 60),
  'silo/c/io.pressure': pressure(900, 800),
};

describe('a host with version 2 of control groups', () => {
  const hostOf = (files: Record<string, string>, name: string): CgroupHost => ({
    mode: 'v2',
    unified: tree(name, files),
    hierarchies: new Map(),
  });

  test('tells processor, memory, devices, processes and pressure of a group', () => {
    const usage = readCgroupUsage(hostOf(v2Files, 'v2'), '/silo/c');
    expect(usage).toMatchObject({
      version: 2,
      cpu: {
        totalNs: 1_234_567_000,
        userNs: 1_000_000_000,
        systemNs: 234_567_000,
        throttling: { periods: 40, throttledPeriods: 12, throttledNs: 345_678_000 },
      },
      memory: {
        usageBytes: 104_857_600,
        workingBytes: 52_428_800,
        peakBytes: 157_286_400,
        limitBytes: 268_435_456,
        failures: 2,
        oomKills: 1,
      },
      pids: { current: 3, limit: 100 },
      pressure: {
        cpu: { someUs: 5000, fullUs: 0 },
        memory: { someUs: 70, fullUs: 60 },
        io: { someUs: 900, fullUs: 800 },
      },
    });
    expect(usage?.cpu.perCpuNs).toBeUndefined();
    expect(usage?.memory.detail['thp_fault_alloc']).toBe(0);
    expect(usage?.blocks).toEqual([
      { major: 254, minor: 0, operation: 'read', bytes: 7_593_984, count: 210 },
      { major: 254, minor: 0, operation: 'write', bytes: 4096, count: 1 },
      { major: 8, minor: 16, operation: 'read', bytes: 0, count: 0 },
      { major: 8, minor: 16, operation: 'write', bytes: 8192, count: 2 },
      { major: 8, minor: 16, operation: 'discard', bytes: 65_536, count: 1 },
    ]);
  });

  test('knows a group without limits, and a kernel without pressure and peak', () => {
    const {
      'silo/c/memory.peak': _peak,
      'silo/c/cpu.pressure': _cpu,
      'silo/c/memory.pressure': _memory,
      'silo/c/io.pressure': _io,
      ...old
    } = v2Files;
    const files = { ...old, 'silo/c/memory.max': 'max\n', 'silo/c/pids.max': 'max\n' };
    const usage = readCgroupUsage(hostOf(files, 'old'), '/silo/c');
    expect(usage?.memory.limitBytes).toBeUndefined();
    expect(usage?.memory.peakBytes).toBeUndefined();
    expect(usage?.pids).toEqual({ current: 3 });
    expect(usage?.pressure).toBeUndefined();
  });

  test('a group without memory accounting shows zeros, one that is gone nothing', () => {
    const files = { 'silo/c/cgroup.procs': '', 'silo/c/cpu.stat': v2Files['silo/c/cpu.stat'] };
    const host = hostOf(files, 'bare');
    expect(readCgroupUsage(host, '/silo/c')).toMatchObject({
      cpu: { totalNs: 1_234_567_000 },
      memory: { usageBytes: 0, workingBytes: 0, detail: {} },
      blocks: [],
      pids: { current: 0 },
    });
    expect(readCgroupUsage(host, '/silo/gone')).toBeUndefined();
  });
});

describe('a host with version 1 of control groups', () => {
  const files = {
    'cpu/s/c/cpu.stat': 'nr_periods 7\nnr_throttled 3\nthrottled_time 123456789\nnr_bursts 0\nburst_time 0\n',
    'cpuacct/s/c/cpuacct.usage': '6498141\n',
    'cpuacct/s/c/cpuacct.usage_percpu': '5254763 1243378 \n',
    'cpuacct/s/c/cpuacct.stat': 'user 12\nsystem 3\n',
    'memory/s/c/memory.usage_in_bytes': '561152\n',
    'memory/s/c/memory.max_usage_in_bytes': '14807040\n',
    'memory/s/c/memory.limit_in_bytes': '9223372036854771712\n',
    'memory/s/c/memory.failcnt': '5\n',
    'memory/s/c/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n',
    'memory/s/c/memory.stat':
      'cache 4096\nrss 61440\nhierarchical_memory_limit 9223372036854771712\ntotal_inactive_file 1024\n',
    'blkio/s/c/blkio.throttle.io_service_bytes_recursive':
      '254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 12288\n254:0 Async 0\n254:0 Discard 0\n254:0 Total 12288\nTotal 12288\n',
    'blkio/s/c/blkio.throttle.io_serviced_recursive': '254:0 Read 1\n254:0 Write 2\nTotal 3\n',
    'blkio/s/c/blkio.bfq.io_service_bytes_recursive': 'Total 0\n',
    'pids/s/c/pids.current': '2\n',
    'pids/s/c/pids.max': 'max\n',
  };
  const base = tree('v1', files);
  const hierarchies = new Map(
    ['cpu', 'cpuacct', 'memory', 'blkio', 'pids'].map((name) => [name, join(base, name)]),
  );

  test('tells the same, with each processor and the sums of the devices', () => {
    const usage = readCgroupUsage({ mode: 'v1', unified: undefined, hierarchies }, '/s/c');
    expect(usage).toMatchObject({
      version: 1,
      cpu: {
        totalNs: 6_498_141,
        perCpuNs: [5_254_763, 1_243_378],
        // Without `cpuacct.usage_user` in clock ticks.
        userNs: 120_000_000,
        systemNs: 30_000_000,
        throttling: { periods: 7, throttledPeriods: 3, throttledNs: 123_456_789 },
      },
      memory: { usageBytes: 561_152, workingBytes: 560_128, peakBytes: 14_807_040, failures: 5, oomKills: 4 },
      pids: { current: 2 },
    });
    expect(usage?.memory.limitBytes).toBeUndefined();
    expect(usage?.pressure).toBeUndefined();
    const [first, second] = usage?.blocks ?? [];
    expect(first).toEqual({ major: 254, minor: 0, operation: 'read', bytes: 4096, count: 1 });
    expect(second).toEqual({ major: 254, minor: 0, operation: 'write', bytes: 8192, count: 2 });
    expect(usage?.blocks.map(({ operation }) => operation)).toContain('total');
  });

  test('a version 2 tree beside it gives the pressure', () => {
    const unified = tree('beside', {
      's/c/cpu.pressure': pressure(1, 0),
      's/c/memory.pressure': pressure(2, 0),
      's/c/io.pressure': pressure(3, 0),
    });
    const usage = readCgroupUsage({ mode: 'hybrid', unified, hierarchies }, '/s/c');
    expect(usage?.version).toBe(1);
    expect(usage?.pressure?.io).toEqual({ someUs: 3, fullUs: 0 });
  });
});

test('the time of the host counts all processors and idling, without guests', () => {
  const file = join(
    tree('proc', { stat: 'cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 5\n' }),
    'stat',
  );
  expect(readHostCpu(file)).toEqual({ totalNs: 280_000_000, online: 2 });
  expect(readHostCpu().totalNs).toBeGreaterThan(0);
});

describe('counters of interfaces', () => {
  const titles = 'Inter-| Receive\n face |bytes\n';
  test('are read by name, without loopback and idle tunnels', () => {
    const text = `${titles}    lo: 10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0
  eth0: 5338 36 1 2 0 0 0 0 648 8 3 4 0 0 0 0
 tunl0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
__proto__: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n`;
    const links = parseLinkCounters(text);
    expect(Object.keys(links)).toEqual(['eth0', '__proto__']);
    expect(links['eth0']).toEqual({
      receivedBytes: 5338,
      receivedPackets: 36,
      receivedErrors: 1,
      receivedDropped: 2,
      sentBytes: 648,
      sentPackets: 8,
      sentErrors: 3,
      sentDropped: 4,
    });
  });

  test('are bounded, and absent for our own namespace and for processes that are gone', () => {
    const many = Array.from({ length: 500 }, (_, i) => `e${i}: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0`).join('\n');
    expect(Object.keys(parseLinkCounters(`${titles}${many}\n`))).toHaveLength(64);
    expect(readLinkCounters(process.pid)).toEqual({});
    expect(readLinkCounters(2 ** 22 + 1)).toEqual({});
  });
});
