import type { StatsJson } from '../../../../foundation/wire/docker/stats.ts';
import type { Row, RowFormat } from '../../output/rows.ts';
import { shortId } from '../../output/text.ts';
import { formatBinarySize, formatSize } from '../../output/units.ts';

/** What one line shows of a container; undefined before its first sample. */
export interface Seen {
  /** As it was asked for: a name, or its id. */
  container: string;
  now: StatsJson | undefined;
  before: StatsJson | undefined;
}

/** Docker's columns, and behind them ours: the share of the last second in which the container waited for a resource. */
export const statsShape: RowFormat = {
  headers: {
    Container: 'CONTAINER',
    Name: 'NAME',
    ID: 'CONTAINER ID',
    CPUPerc: 'CPU %',
    MemUsage: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET I/O',
    BlockIO: 'BLOCK I/O',
    PIDs: 'PIDS',
    CPUPressure: 'CPU PRESSURE',
    MemPressure: 'MEM PRESSURE',
    IOPressure: 'I/O PRESSURE',
  },
  table: '{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}',
};

/** Narrower tables, for terminals that the whole one does not fit. */
export const narrowTables: readonly string[] = [
  '{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}',
  '{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}',
  '{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}',
  '{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}',
  '{{.Name}}\t{{.CPUPerc}}',
];

export function statsRow({ container, now, before }: Seen, { full }: { full: boolean }): Row {
  const id = now?.id ?? container;
  const pressure = (kind: 'cpu' | 'memory' | 'io') => () => formatPressure(kind, now, before);
  return {
    // Methods, so that `json` has Docker's fields alone.
    CPUPressure: pressure('cpu'),
    MemPressure: pressure('memory'),
    IOPressure: pressure('io'),
    Container: container,
    ID: full ? id : shortId(id),
    ...(now ? numbers(now) : unknown),
  };
}

const unknown = {
  Name: '--',
  CPUPerc: '--',
  MemUsage: '-- / --',
  MemPerc: '--',
  NetIO: '--',
  BlockIO: '--',
  PIDs: '--',
};

function numbers(stats: StatsJson): Record<keyof typeof unknown, string> {
  const { limit = 0 } = stats.memory_stats;
  const used = workingMemory(stats);
  const links = Object.values(stats.networks ?? {});
  const sum = (values: number[]): number => values.reduce((all, value) => all + value, 0);
  const received = sum(links.map((link) => link.rx_bytes));
  const sent = sum(links.map((link) => link.tx_bytes));
  return {
    Name: stats.name.replace(/^\//, ''),
    CPUPerc: percent(cpuPercent(stats)),
    MemUsage: `${formatBinarySize(used)} / ${formatBinarySize(limit)}`,
    MemPerc: percent(limit === 0 ? 0 : (used / limit) * 100),
    NetIO: `${formatSize(received)} / ${formatSize(sent)}`,
    BlockIO: `${formatSize(blockBytes(stats, 'r'))} / ${formatSize(blockBytes(stats, 'w'))}`,
    PIDs: String(stats.pids_stats.current ?? 0),
  };
}

const percent = (value: number): string => `${value.toFixed(2)}%`;

/** Of one processor: two busy ones are 200%. */
export function cpuPercent({ cpu_stats: now, precpu_stats: before }: StatsJson): number {
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  if (before.system_cpu_usage === undefined) return 0;
  const passed = (now.system_cpu_usage ?? 0) - before.system_cpu_usage;
  const cpus = now.online_cpus ?? now.cpu_usage.percpu_usage?.length ?? 0;
  return used > 0 && passed > 0 ? (used / passed) * cpus * 100 : 0;
}

/** Without the file cache that the kernel would drop first. */
export function workingMemory({ memory_stats: memory }: StatsJson): number {
  const { usage = 0, stats = {} } = memory;
  const inactive = Number(stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0);
  return inactive < usage ? usage - inactive : usage;
}

function blockBytes({ blkio_stats: blocks }: StatsJson, letter: 'r' | 'w'): number {
  return (blocks.io_service_bytes_recursive ?? [])
    .filter(({ op }) => op.charAt(0).toLowerCase() === letter)
    .reduce((sum, { value }) => sum + value, 0);
}

function formatPressure(
  kind: 'cpu' | 'memory' | 'io',
  now: StatsJson | undefined,
  before: StatsJson | undefined,
): string {
  const current = now?.pressure_stats?.[kind];
  const previous = before?.pressure_stats?.[kind];
  if (!now || !before || !current || !previous) return '--';
  const passedUs = (Date.parse(now.read) - Date.parse(before.read)) * 1000;
  return passedUs > 0 ? percent(((current.some_us - previous.some_us) / passedUs) * 100) : '--';
}
