import { expect, test } from 'bun:test';
import type { CpuStatsJson, StatsJson } from '../../../../foundation/wire/docker/stats.ts';
import { formatRows } from '../../output/rows.ts';
import { cpuPercent, statsRow, statsShape, workingMemory } from './row.ts';
import { fitTable, redraw } from './screen.ts';

const cpu = (total: number, host: number): CpuStatsJson => ({
  cpu_usage: { total_usage: total, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  system_cpu_usage: host,
  online_cpus: 2,
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
});
const none = null;
const blocks: StatsJson['blkio_stats'] = {
  io_service_bytes_recursive: [
    { major: 8, minor: 0, op: 'Read', value: 1500 },
    { major: 8, minor: 16, op: 'read', value: 500 },
    { major: 8, minor: 0, op: 'Write', value: 3_000_000 },
    { major: 8, minor: 0, op: 'Total', value: 3_001_500 },
  ],
  io_serviced_recursive: none,
  io_queue_recursive: none,
  io_service_time_recursive: none,
  io_wait_time_recursive: none,
  io_merged_recursive: none,
  io_time_recursive: none,
  sectors_recursive: none,
};
const link = { rx_packets: 0, rx_errors: 0, rx_dropped: 0, tx_packets: 0, tx_errors: 0, tx_dropped: 0 };
const pressure = (cpuUs: number): NonNullable<StatsJson['pressure_stats']> => ({
  cpu: { some_us: cpuUs, full_us: 0 },
  memory: { some_us: 0, full_us: 0 },
  io: { some_us: 0, full_us: 0 },
});
const stats: StatsJson = {
  name: '/web',
  id: 'ab'.repeat(32),
  read: '2026-01-02T03:04:06Z',
  preread: '2026-01-02T03:04:05Z',
  pids_stats: { current: 3 },
  blkio_stats: blocks,
  num_procs: 0,
  storage_stats: {},
  cpu_stats: cpu(1_500_000_000, 12_000_000_000),
  precpu_stats: cpu(1_000_000_000, 10_000_000_000),
  memory_stats: { usage: 3 << 20, limit: 64 << 20, stats: { total_inactive_file: 1 << 20 } },
  networks: { eth0: { ...link, rx_bytes: 5338, tx_bytes: 648 }, eth1: { ...link, rx_bytes: 1, tx_bytes: 2 } },
  pressure_stats: pressure(300_000),
};
const seen = { container: 'web', now: stats, before: undefined };

test('numbers are written as Docker does', () => {
  const row = statsRow(seen, { full: false });
  const [titles, line] = formatRows([row], '', statsShape).split('\n');
  expect(titles).toBe(
    'CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O         BLOCK I/O   PIDS',
  );
  expect(line).toBe(
    'abababababab   web       50.00%    2MiB / 64MiB        3.13%     5.34kB / 650B   2kB / 3MB   3',
  );
  expect(formatRows([statsRow(seen, { full: true })], '{{.ID}}', statsShape)).toBe(`${stats.id}\n`);
});

test('json has the fields that Docker has, and no others', () => {
  const json = JSON.parse(formatRows([statsRow(seen, { full: false })], 'json', statsShape)) as object;
  expect(Object.keys(json)).toEqual([
    'BlockIO',
    'CPUPerc',
    'Container',
    'ID',
    'MemPerc',
    'MemUsage',
    'Name',
    'NetIO',
    'PIDs',
  ]);
});

test('pressure is the share of the time between two samples', () => {
  const before = { ...stats, read: '2026-01-02T03:04:05Z', pressure_stats: pressure(50_000) };
  const show = (row: typeof seen | { container: string; now: StatsJson; before: StatsJson }): string =>
    formatRows([statsRow(row, { full: false })], '{{.CPUPressure}} {{.IOPressure}}', statsShape);
  expect(show({ ...seen, before })).toBe('25.00% 0.00%\n');
  expect(show(seen)).toBe('-- --\n');
});

test('a container without a sample shows dashes, one that does not run zeros', () => {
  const row = statsRow({ container: 'web', now: undefined, before: undefined }, { full: false });
  expect(formatRows([row], '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}', statsShape)).toBe(
    '-- -- -- / -- --\n',
  );
  const { networks: _, pressure_stats: __, ...rest } = stats;
  const cold: StatsJson = {
    ...rest,
    pids_stats: {},
    memory_stats: {},
    cpu_stats: cpu(0, 0),
    precpu_stats: cpu(0, 0),
    blkio_stats: { ...blocks, io_service_bytes_recursive: null },
  };
  const text = formatRows([statsRow({ ...seen, now: cold }, { full: false })], '', statsShape);
  expect(text.split('\n')[1]?.split(/ {2,}/)).toEqual([
    'abababababab',
    'web',
    '0.00%',
    '0B / 0B',
    '0.00%',
    '0B / 0B',
    '0B / 0B',
    '0',
  ]);
});

test('the first sample of a stream has no percentage, and a file cache that may go is no use of memory', () => {
  const { system_cpu_usage: _, ...unknown } = stats.precpu_stats;
  expect(cpuPercent({ ...stats, precpu_stats: unknown })).toBe(0);
  expect(workingMemory({ ...stats, memory_stats: { usage: 10, stats: { inactive_file: 4 } } })).toBe(6);
  expect(workingMemory({ ...stats, memory_stats: { usage: 10, stats: { inactive_file: 40 } } })).toBe(10);
});

test('a narrow terminal loses columns, a low one rows', () => {
  const rows = Array.from({ length: 9 }, () => statsRow(seen, { full: false }));
  const wide = fitTable(rows, '', { columns: 120, rows: 24 });
  expect(wide).toHaveLength(10);
  expect(wide[0]).toContain('PIDS');
  const narrow = fitTable(rows, '', { columns: 62, rows: 4 });
  expect(narrow[0]).toBe('CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %');
  expect(narrow).toHaveLength(4);
  expect(narrow[3]).toBe('… and 7 more');
  for (const line of fitTable(rows, '', { columns: 10, rows: 24 }))
    expect(line.length).toBeLessThanOrEqual(10);
  expect(fitTable(rows, 'table {{.Name}}', { columns: 2, rows: 2 })).toEqual(['NA', '… ']);
});

test('a picture is drawn over the last one', () => {
  expect(redraw(['a', 'b'])).toBe('\x1b[Ha\x1b[K\nb\x1b[K\x1b[J');
});
