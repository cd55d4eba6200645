import type { ContainerRecord } from '../../../engine/container/container.ts';
import type { StatsSample } from '../../../engine/container/stats/stats.ts';
import type {
  BlockStatEntryJson,
  BlockStatsJson,
  CpuStatsJson,
  StatsJson,
} from '../../../foundation/wire/docker/stats.ts';
import { formatTime } from './times.ts';

/**
 * One sample as Docker shows it; `previous` fills `precpu_stats`. A container that does not run has its names and zeros. Where the host has version 2 of
 * control groups, the fields that only version 1 knows are left out or null.
 */
export function toStatsJson(
  container: Pick<ContainerRecord, 'id' | 'name'>,
  sample: StatsSample | undefined,
  previous?: StatsSample,
): StatsJson {
  return {
    name: `/${container.name}`,
    id: container.id,
    read: formatTime(sample?.atMs),
    preread: formatTime(previous?.atMs),
    pids_stats: pidsOf(sample),
    blkio_stats: blocksOf(sample),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuOf(sample),
    precpu_stats: cpuOf(previous),
    memory_stats: memoryOf(sample),
    ...networksOf(sample),
    ...pressureOf(sample),
  };
}

/** One line. Go reads these fields as unsigned 64-bit integers, so the large ones keep all their digits. */
export function formatStats(stats: StatsJson): string {
  return `${JSON.stringify(stats, (_, value: unknown) => (typeof value === 'bigint' ? raw(value) : value))}\n`;
}

/** `JSON.rawJSON` is in the engine and not yet in TypeScript's library. */
const raw = (value: bigint): unknown =>
  (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(value.toString());

/** What version 2 answers for "no limit". */
const maximum = 2n ** 64n - 1n;

function pidsOf(sample: StatsSample | undefined): StatsJson['pids_stats'] {
  if (!sample) return {};
  const { current, limit } = sample.pids;
  return {
    ...(current === 0 ? {} : { current }),
    ...(limit !== undefined ? { limit } : sample.version === 2 ? { limit: maximum } : {}),
  };
}

function cpuOf(sample: StatsSample | undefined): CpuStatsJson {
  if (!sample)
    return {
      cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
      throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
    };
  const { cpu, host } = sample;
  return {
    cpu_usage: {
      total_usage: cpu.totalNs,
      ...(cpu.perCpuNs ? { percpu_usage: cpu.perCpuNs } : {}),
      usage_in_kernelmode: cpu.systemNs,
      usage_in_usermode: cpu.userNs,
    },
    system_cpu_usage: host.cpuNs,
    online_cpus: host.cpus,
    throttling_data: {
      periods: cpu.throttling.periods,
      throttled_periods: cpu.throttling.throttledPeriods,
      throttled_time: cpu.throttling.throttledNs,
    },
  };
}

function memoryOf(sample: StatsSample | undefined): StatsJson['memory_stats'] {
  if (!sample) return {};
  const { memory, host, version } = sample;
  const names = version === 1 ? namesV1 : namesV2;
  const detail = names.flatMap((name): [string, number | bigint][] => {
    const value = memory.detail[name];
    if (value === undefined) return version === 1 ? [] : [[name, 0]];
    return [[name, Number.isSafeInteger(value) ? value : BigInt(value)]];
  });
  return {
    ...(memory.usageBytes === 0 ? {} : { usage: memory.usageBytes }),
    ...(version === 1 && memory.peakBytes ? { max_usage: memory.peakBytes } : {}),
    stats: Object.fromEntries(detail),
    ...(memory.failures === 0 ? {} : { failcnt: memory.failures }),
    limit: Math.min(memory.limitBytes ?? Infinity, host.memoryBytes),
  };
}

const own = [
  'active_anon',
  'active_file',
  'cache',
  'dirty',
  'inactive_anon',
  'inactive_file',
  'mapped_file',
  'pgfault',
  'pgmajfault',
  'pgpgin',
  'pgpgout',
  'rss',
  'rss_huge',
  'unevictable',
  'writeback',
];
/** What Docker shows of version 1. */
const namesV1 = [
  ...own,
  'hierarchical_memory_limit',
  'hierarchical_memsw_limit',
  ...own.map((name) => `total_${name}`),
].sort();
/** What Docker shows of version 2. */
const namesV2 = [
  'active_anon',
  'active_file',
  'anon',
  'anon_thp',
  'file',
  'file_dirty',
  'file_mapped',
  'file_writeback',
  'inactive_anon',
  'inactive_file',
  'kernel_stack',
  'pgactivate',
  'pgdeactivate',
  'pgfault',
  'pglazyfree',
  'pglazyfreed',
  'pgmajfault',
  'pgrefill',
  'pgscan',
  'pgsteal',
  'shmem',
  'slab',
  'slab_reclaimable',
  'slab_unreclaimable',
  'sock',
  'thp_collapse_alloc',
  'thp_fault_alloc',
  'unevictable',
  'workingset_activate',
  'workingset_nodereclaim',
  'workingset_refault',
];

function blocksOf(sample: StatsSample | undefined): BlockStatsJson {
  const none = sample?.version === 1 ? [] : null;
  return {
    io_service_bytes_recursive: sample ? entries(sample, 'bytes') : null,
    io_serviced_recursive: sample?.version === 1 ? entries(sample, 'count') : null,
    io_queue_recursive: none,
    io_service_time_recursive: none,
    io_wait_time_recursive: none,
    io_merged_recursive: none,
    io_time_recursive: none,
    sectors_recursive: none,
  };
}

/** Version 2 on hosts without any use of a device answers null, not an empty list. */
function entries(sample: StatsSample, field: 'bytes' | 'count'): BlockStatEntryJson[] | null {
  const shown = sample.version === 1 ? sample.blocks : sample.blocks.filter(isReadOrWrite);
  if (shown.length === 0 && sample.version === 2) return null;
  return shown.map(({ major, minor, operation, ...values }) => ({
    major,
    minor,
    op: sample.version === 1 ? capitalised(operation) : operation,
    value: values[field],
  }));
}

/** `Read`, as the files of version 1 spell it. */
const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

const isReadOrWrite = ({ operation }: { operation: string }): boolean =>
  operation === 'read' || operation === 'write';

function networksOf(sample: StatsSample | undefined): Pick<StatsJson, 'networks'> {
  const links = Object.entries(sample?.networks ?? {});
  if (links.length === 0) return {};
  return {
    networks: Object.fromEntries(
      links.map(([name, link]) => [
        name,
        {
          rx_bytes: link.receivedBytes,
          rx_packets: link.receivedPackets,
          rx_errors: link.receivedErrors,
          rx_dropped: link.receivedDropped,
          tx_bytes: link.sentBytes,
          tx_packets: link.sentPackets,
          tx_errors: link.sentErrors,
          tx_dropped: link.sentDropped,
        },
      ]),
    ),
  };
}

function pressureOf(sample: StatsSample | undefined): Pick<StatsJson, 'pressure_stats'> {
  if (!sample?.pressure) return {};
  const { cpu, memory, io } = sample.pressure;
  const shape = ({ someUs, fullUs }: typeof cpu): { some_us: number; full_us: number } => ({
    some_us: someUs,
    full_us: fullUs,
  });
  return { pressure_stats: { cpu: shape(cpu), memory: shape(memory), io: shape(io) } };
}
