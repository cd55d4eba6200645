import type { ContainerRecord } from '../../../engine/container/container.ts';
import type { StatsSample } from '../../../engine/container/stats/stats.ts';
import type { LinkCounters } from '../../../foundation/kernel/link-counters.ts';
import { formatLabels, type MetricsText } from '../../../foundation/wire/metrics-text.ts';

/** Containers in one scrape, those that run first; the rest is counted. */
export const maximumContainers = 1000;
/** Devices and interfaces of one container: a program inside may make more. */
const maximumParts = 32;

interface Subject {
  record: ContainerRecord;
  sample: StatsSample | undefined;
  labels: string;
}

type Measure = (sample: StatsSample) => number | undefined;

const seconds = (nanoseconds: number): number => nanoseconds / 1e9;

/** One number for each container. Names are those that cAdvisor made common, so that existing dashboards show them. */
const measures: readonly [string, 'counter' | 'gauge', string, Measure][] = [
  ['container_cpu_usage_seconds_total', 'counter', 'CPU time used', ({ cpu }) => seconds(cpu.totalNs)],
  ['container_cpu_user_seconds_total', 'counter', 'CPU time in user mode', ({ cpu }) => seconds(cpu.userNs)],
  [
    'container_cpu_system_seconds_total',
    'counter',
    'CPU time in kernel mode',
    ({ cpu }) => seconds(cpu.systemNs),
  ],
  [
    'container_cpu_cfs_periods_total',
    'counter',
    'Scheduling periods with a CPU limit',
    ({ cpu }) => cpu.throttling.periods,
  ],
  [
    'container_cpu_cfs_throttled_periods_total',
    'counter',
    'Scheduling periods in which it met its CPU limit',
    ({ cpu }) => cpu.throttling.throttledPeriods,
  ],
  [
    'container_cpu_cfs_throttled_seconds_total',
    'counter',
    'Time for which it was held back by its CPU limit',
    ({ cpu }) => seconds(cpu.throttling.throttledNs),
  ],
  [
    'container_memory_usage_bytes',
    'gauge',
    'Memory in use, file cache included',
    ({ memory }) => memory.usageBytes,
  ],
  [
    'container_memory_working_set_bytes',
    'gauge',
    'Memory in use without the file cache that can go at once',
    ({ memory }) => memory.workingBytes,
  ],
  [
    'container_memory_max_usage_bytes',
    'gauge',
    'Most memory in use so far',
    ({ memory }) => memory.peakBytes,
  ],
  [
    'container_memory_failcnt',
    'counter',
    'How often the memory limit was met',
    ({ memory }) => memory.failures,
  ],
  [
    'container_spec_memory_limit_bytes',
    'gauge',
    'Memory limit, 0 without one',
    ({ memory }) => memory.limitBytes ?? 0,
  ],
  [
    'container_oom_events_total',
    'counter',
    'Processes that the kernel killed for want of memory',
    ({ memory }) => memory.oomKills,
  ],
  ['container_threads', 'gauge', 'Threads of all processes', ({ pids }) => pids.current],
  ['container_threads_max', 'gauge', 'Limit of threads, 0 without one', ({ pids }) => pids.limit ?? 0],
];

const links: readonly [string, string, keyof LinkCounters][] = [
  ['container_network_receive_bytes_total', 'Bytes received', 'receivedBytes'],
  ['container_network_receive_packets_total', 'Packets received', 'receivedPackets'],
  ['container_network_receive_errors_total', 'Errors while receiving', 'receivedErrors'],
  ['container_network_receive_packets_dropped_total', 'Packets dropped while receiving', 'receivedDropped'],
  ['container_network_transmit_bytes_total', 'Bytes sent', 'sentBytes'],
  ['container_network_transmit_packets_total', 'Packets sent', 'sentPackets'],
  ['container_network_transmit_errors_total', 'Errors while sending', 'sentErrors'],
  ['container_network_transmit_packets_dropped_total', 'Packets dropped while sending', 'sentDropped'],
];

const devices: readonly [string, string, 'read' | 'write', 'bytes' | 'count'][] = [
  ['container_fs_reads_bytes_total', 'Bytes read from a device', 'read', 'bytes'],
  ['container_fs_writes_bytes_total', 'Bytes written to a device', 'write', 'bytes'],
  ['container_fs_reads_total', 'Reads from a device', 'read', 'count'],
  ['container_fs_writes_total', 'Writes to a device', 'write', 'count'],
];

/** Containers that do not run show their state, restarts and health alone. */
export function writeContainerMetrics(
  out: MetricsText,
  records: readonly ContainerRecord[],
  samples: ReadonlyMap<string, StatsSample>,
): void {
  const shown = [
    ...records.filter(({ id }) => samples.has(id)),
    ...records.filter(({ id }) => !samples.has(id)),
  ].slice(0, maximumContainers);
  const subjects = shown.map((record): Subject => ({
    record,
    sample: samples.get(record.id),
    labels: formatLabels({ id: record.id, name: record.name, image: record.imageName }),
  }));
  out.family('silo_container_metrics_omitted', 'gauge', 'Containers beyond those that one scrape shows');
  out.sample(records.length - shown.length);
  writeStates(out, subjects);
  const running = subjects.flatMap(({ sample, labels }) => (sample ? [{ sample, labels }] : []));
  for (const [name, type, help, measure] of measures) {
    out.family(name, type, help);
    for (const { sample, labels } of running) out.sample(measure(sample), labels);
  }
  writeParts(out, running);
  writePressure(out, running);
}

function writeStates(out: MetricsText, subjects: readonly Subject[]): void {
  out.family('silo_container_state', 'gauge', '1 for the state that the container is in');
  for (const { record, labels } of subjects) out.sample(1, `${labels},state="${record.state.status}"`);
  out.family('silo_container_restarts_total', 'counter', 'Restarts by the restart policy');
  for (const { record, labels } of subjects) out.sample(record.restartCount, labels);
  out.family('silo_container_health', 'gauge', '1 for the health that the container is in');
  for (const { record, labels } of subjects)
    if (record.health) out.sample(1, `${labels},health="${record.health.status}"`);
  out.family('silo_container_exit_code', 'gauge', 'Exit code of the last run');
  for (const { record, labels } of subjects)
    if (record.state.status === 'exited') out.sample(record.state.exitCode, labels);
  out.family('container_start_time_seconds', 'gauge', 'When it was started, since 1970');
  for (const { record, labels } of subjects)
    if ('pid' in record.state) out.sample(record.state.startedAtMs / 1000, labels);
}

type Running = readonly { sample: StatsSample; labels: string }[];

function writeParts(out: MetricsText, running: Running): void {
  for (const [name, help, field] of links) {
    out.family(name, 'counter', help);
    for (const { sample, labels } of running)
      for (const [link, counters] of Object.entries(sample.networks).slice(0, maximumParts))
        out.sample(counters[field], `${labels},${formatLabels({ interface: link })}`);
  }
  for (const [name, help, operation, field] of devices) {
    out.family(name, 'counter', help);
    for (const { sample, labels } of running)
      for (const block of sample.blocks.filter((one) => one.operation === operation).slice(0, maximumParts))
        out.sample(block[field], `${labels},device="${block.major}:${block.minor}"`);
  }
}

function writePressure(out: MetricsText, running: Running): void {
  for (const kind of ['cpu', 'memory', 'io'] as const) {
    out.family(
      `container_pressure_${kind}_waiting_seconds_total`,
      'counter',
      `Time in which some task waited for ${kind}`,
    );
    for (const { sample, labels } of running)
      out.sample(sample.pressure && sample.pressure[kind].someUs / 1e6, labels);
    out.family(
      `container_pressure_${kind}_stalled_seconds_total`,
      'counter',
      `Time in which all tasks waited for ${kind}`,
    );
    for (const { sample, labels } of running)
      out.sample(sample.pressure && sample.pressure[kind].fullUs / 1e6, labels);
  }
}
