import { expect, test } from 'bun:test';
import type { StatsSample } from '../../../engine/container/stats/stats.ts';
import { sampleContainer } from '../testing/sample-records.ts';
import { formatStats, toStatsJson } from './stats-json.ts';

const container = sampleContainer();

const sampleStats: StatsSample = {
  version: 1,
  atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 600),
  host: { cpuNs: 4e12, cpus: 2, memoryBytes: 8e9 },
  cpu: {
    totalNs: 300,
    userNs: 200,
    systemNs: 100,
    perCpuNs: [100, 200],
    throttling: { periods: 1, throttledPeriods: 2, throttledNs: 3 },
  },
  memory: {
    usageBytes: 4096,
    workingBytes: 2048,
    peakBytes: 8192,
    failures: 0,
    oomKills: 0,
    detail: { cache: 1, rss: 2, total_rss: 2, hierarchical_memory_limit: 9223372036854771712, odd: 1 },
  },
  blocks: [
    { major: 8, minor: 0, operation: 'read', bytes: 512, count: 1 },
    { major: 8, minor: 0, operation: 'total', bytes: 512, count: 1 },
  ],
  pids: { current: 2 },
  networks: {},
  pressure: {
    cpu: { someUs: 1, fullUs: 0 },
    memory: { someUs: 0, fullUs: 0 },
    io: { someUs: 0, fullUs: 0 },
  },
};

test('a container that does not run has its names and zeros', () => {
  const zeros = {
    cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  };
  expect(toStatsJson(container, undefined)).toEqual({
    name: '/web',
    id: container.id,
    read: '0001-01-01T00:00:00Z',
    preread: '0001-01-01T00:00:00Z',
    pids_stats: {},
    blkio_stats: {
      io_service_bytes_recursive: null,
      io_serviced_recursive: null,
      io_queue_recursive: null,
      io_service_time_recursive: null,
      io_wait_time_recursive: null,
      io_merged_recursive: null,
      io_time_recursive: null,
      sectors_recursive: null,
    },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: zeros,
    precpu_stats: zeros,
    memory_stats: {},
  });
});

test('version 1 has each processor, the peak, both lists of devices, and no limit of processes', () => {
  const json = toStatsJson(container, sampleStats);
  expect(json.read).toBe('2026-01-02T03:04:05.6Z');
  expect(json.cpu_stats).toEqual({
    cpu_usage: {
      total_usage: 300,
      percpu_usage: [100, 200],
      usage_in_kernelmode: 100,
      usage_in_usermode: 200,
    },
    system_cpu_usage: 4e12,
    online_cpus: 2,
    throttling_data: { periods: 1, throttled_periods: 2, throttled_time: 3 },
  });
  expect(json.pids_stats).toEqual({ current: 2 });
  expect(json.memory_stats).toEqual({
    usage: 4096,
    max_usage: 8192,
    stats: { cache: 1, rss: 2, total_rss: 2, hierarchical_memory_limit: 9223372036854771712n },
    limit: 8e9,
  });
  expect(json.blkio_stats.io_service_bytes_recursive).toEqual([
    { major: 8, minor: 0, op: 'Read', value: 512 },
    { major: 8, minor: 0, op: 'Total', value: 512 },
  ]);
  expect(json.blkio_stats.io_serviced_recursive?.[0]?.value).toBe(1);
  expect(json.blkio_stats.sectors_recursive).toEqual([]);
  expect(json.networks).toBeUndefined();
  expect(json.pressure_stats?.cpu).toEqual({ some_us: 1, full_us: 0 });
});

test('version 2 leaves out what it has not, and its missing limit of processes keeps all digits', () => {
  const { perCpuNs: _, ...cpu } = sampleStats.cpu;
  const sample: StatsSample = {
    ...sampleStats,
    version: 2,
    cpu,
    memory: { ...sampleStats.memory, limitBytes: 1e6, failures: 3, detail: { anon: 7 } },
  };
  const json = toStatsJson(container, sample, sampleStats);
  expect(json.memory_stats).toMatchObject({ usage: 4096, failcnt: 3, limit: 1e6 });
  expect(json.memory_stats.max_usage).toBeUndefined();
  expect(json.memory_stats.stats).toMatchObject({ anon: 7, file: 0 });
  expect(json.cpu_stats.cpu_usage.percpu_usage).toBeUndefined();
  expect(json.precpu_stats.cpu_usage.total_usage).toBe(300);
  expect(json.preread).toBe('2026-01-02T03:04:05.6Z');
  expect(json.blkio_stats.io_service_bytes_recursive).toEqual([
    { major: 8, minor: 0, op: 'read', value: 512 },
  ]);
  expect(json.blkio_stats.io_serviced_recursive).toBeNull();
  expect(formatStats(json)).toContain('"pids_stats":{"current":2,"limit":18446744073709551615}');
  expect(formatStats(toStatsJson(container, sampleStats))).toContain(
    '"hierarchical_memory_limit":9223372036854771712',
  );
});
