import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type CgroupHost, cgroupDirectory } from './cgroup.ts';

/*
 * What the processes of a control group have used (cgroups(7); Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst). The files are made by
 * the kernel in memory and are a few hundred bytes each: reading them at once costs a quarter of what the thread pool would, and a whole
 * group takes well below a millisecond. Whoever reads many groups lets others run in between.
 */

/** Times in nanoseconds. A controller that the host lacks shows as zeros. */
export interface CgroupUsage {
  /** Which version accounts for the memory: names and meaning of `memory.detail` follow it. */
  version: 1 | 2;
  cpu: {
    totalNs: number;
    userNs: number;
    systemNs: number;
    /** Version 1 only. */
    perCpuNs?: number[];
    throttling: { periods: number; throttledPeriods: number; throttledNs: number };
  };
  memory: {
    usageBytes: number;
    /** Without the file cache that the kernel would drop first. */
    workingBytes: number;
    peakBytes?: number;
    /** Absent without a limit. */
    limitBytes?: number;
    /** How often the limit was met (version 1), or how often it ended in the OOM killer's hands (version 2). */
    failures: number;
    oomKills: number;
    /** `memory.stat`, by the kernel's own names. */
    detail: Record<string, number>;
  };
  blocks: BlockUsage[];
  /** Without `limit` when there is none. */
  pids: { current: number; limit?: number };
  /** Pressure stall information (Documentation/accounting/psi.rst), where the kernel has it. */
  pressure?: Record<PressureKind, PressureTotals>;
}

export interface BlockUsage {
  major: number;
  minor: number;
  /** `read`, `write`, `discard`, and on version 1 `sync`, `async` and `total`. */
  operation: string;
  bytes: number;
  count: number;
}

export type PressureKind = 'cpu' | 'memory' | 'io';
/** Microseconds since the group was made. */
export interface PressureTotals {
  someUs: number;
  fullUs: number;
}

/** `undefined` when the group is gone. */
export function readCgroupUsage(host: CgroupHost, cgroupsPath: string): CgroupUsage | undefined {
  const folder = (controller: string): string | undefined =>
    host.hierarchies.has(controller) || host.unified !== undefined
      ? cgroupDirectory(host, cgroupsPath, controller)
      : undefined;
  const files = (controller: string): Files => filesOf(folder(controller));
  const version = host.hierarchies.has('memory') ? 1 : 2;
  const memory = version === 1 ? memoryV1(files('memory')) : memoryV2(files('memory'));
  if (memory === undefined) return undefined;
  const pressure = host.unified && readPressure(filesOf(join(host.unified, cgroupsPath)));
  return {
    version,
    cpu: host.hierarchies.has('cpuacct') ? cpuV1(files('cpuacct'), files('cpu')) : cpuV2(files('cpu')),
    memory,
    blocks: host.hierarchies.has('blkio') ? blocksV1(files('blkio')) : blocksV2(files('io')),
    pids: readPids(files('pids')),
    ...(pressure ? { pressure } : {}),
  };
}

/** Text of a file of one folder; undefined when it is not there. */
type Files = (name: string) => string | undefined;

const filesOf =
  (folder: string | undefined): Files =>
  (name) =>
    folder === undefined ? undefined : readSmall(join(folder, name));

const buffer = Buffer.allocUnsafe(16_384);

/** Whatever fails, the file has no answer: the group went away, or the kernel was built without it. */
function readSmall(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    let text = '';
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, null);
      if (count === 0) return text;
      text += buffer.toString('latin1', 0, count);
      if (count < 4096) return text;
    }
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function memoryV1(files: Files): CgroupUsage['memory'] | undefined {
  const usage = files('memory.usage_in_bytes');
  if (usage === undefined) return undefined;
  const usageBytes = numberOf(usage);
  const detail = keyed(files('memory.stat'));
  const limitBytes = numberOf(files('memory.limit_in_bytes'));
  return {
    usageBytes,
    workingBytes: working(usageBytes, detail['total_inactive_file']),
    peakBytes: numberOf(files('memory.max_usage_in_bytes')),
    // "No limit" is the largest multiple of the page size.
    ...(limitBytes > 0 && limitBytes < 2 ** 62 ? { limitBytes } : {}),
    failures: numberOf(files('memory.failcnt')),
    oomKills: keyed(files('memory.oom_control'))['oom_kill'] ?? 0,
    detail,
  };
}

function memoryV2(files: Files): CgroupUsage['memory'] | undefined {
  const usage = files('memory.current');
  // Without the controller the group still has its own files.
  if (usage === undefined && files('cgroup.procs') === undefined) return undefined;
  const usageBytes = numberOf(usage);
  const detail = keyed(files('memory.stat'));
  const events = keyed(files('memory.events'));
  const limit = files('memory.max')?.trim();
  const peak = files('memory.peak');
  return {
    usageBytes,
    workingBytes: working(usageBytes, detail['inactive_file']),
    ...(peak === undefined ? {} : { peakBytes: numberOf(peak) }),
    ...(limit === undefined || limit === 'max' ? {} : { limitBytes: numberOf(limit) }),
    failures: events['oom'] ?? 0,
    oomKills: events['oom_kill'] ?? 0,
    detail,
  };
}

const working = (usage: number, inactive = 0): number => (inactive < usage ? usage - inactive : usage);

function cpuV1(accounting: Files, control: Files): CgroupUsage['cpu'] {
  const throttling = keyed(control('cpu.stat'));
  const ticks = keyed(accounting('cpuacct.stat'));
  const user = accounting('cpuacct.usage_user');
  const system = accounting('cpuacct.usage_sys');
  return {
    totalNs: numberOf(accounting('cpuacct.usage')),
    userNs: user === undefined ? (ticks['user'] ?? 0) * tickNs : numberOf(user),
    systemNs: system === undefined ? (ticks['system'] ?? 0) * tickNs : numberOf(system),
    perCpuNs: (accounting('cpuacct.usage_percpu') ?? '').split(/\s+/).filter(Boolean).map(Number),
    throttling: {
      periods: throttling['nr_periods'] ?? 0,
      throttledPeriods: throttling['nr_throttled'] ?? 0,
      throttledNs: throttling['throttled_time'] ?? 0,
    },
  };
}

function cpuV2(files: Files): CgroupUsage['cpu'] {
  const stat = keyed(files('cpu.stat'));
  const ns = (key: string): number => (stat[key] ?? 0) * 1000;
  return {
    totalNs: ns('usage_usec'),
    userNs: ns('user_usec'),
    systemNs: ns('system_usec'),
    throttling: {
      periods: stat['nr_periods'] ?? 0,
      throttledPeriods: stat['nr_throttled'] ?? 0,
      throttledNs: ns('throttled_usec'),
    },
  };
}

/** Lines `8:0 Read 4096`; the grand total has no device. Where BFQ schedules, its own files count. */
function blocksV1(files: Files): BlockUsage[] {
  const read = (prefix: string): BlockUsage[] => {
    const found = new Map<string, BlockUsage>();
    const add = (file: string, field: 'bytes' | 'count'): void => {
      for (const [, major, minor, word = '', value] of (files(file) ?? '').matchAll(blockLine)) {
        const operation = word.toLowerCase();
        const key = `${major}:${minor} ${operation}`;
        const entry = found.get(key) ?? {
          major: Number(major),
          minor: Number(minor),
          operation,
          bytes: 0,
          count: 0,
        };
        entry[field] = Number(value);
        found.set(key, entry);
      }
    };
    add(`${prefix}.io_service_bytes_recursive`, 'bytes');
    add(`${prefix}.io_serviced_recursive`, 'count');
    return [...found.values()];
  };
  const scheduled = read('blkio.bfq');
  return scheduled.length > 0 ? scheduled : read('blkio.throttle');
}

const blockLine = /^(\d+):(\d+) (\w+) (\d+)$/gm;

/** Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`. */
function blocksV2(files: Files): BlockUsage[] {
  return (files('io.stat') ?? '').split('\n').flatMap((line) => {
    const device = /^(\d+):(\d+) /.exec(line);
    if (!device) return [];
    const [major, minor] = [Number(device[1]), Number(device[2])];
    const values = Object.fromEntries(
      Array.from(line.matchAll(/ (\w+)=(\d+)/g), ([, key = '', value]) => [key, Number(value)]),
    );
    const entry = (operation: string, letter: string): BlockUsage => ({
      major,
      minor,
      operation,
      bytes: values[`${letter}bytes`] ?? 0,
      count: values[`${letter}ios`] ?? 0,
    });
    return [entry('read', 'r'), entry('write', 'w'), ...(values['dbytes'] ? [entry('discard', 'd')] : [])];
  });
}

function readPids(files: Files): CgroupUsage['pids'] {
  const limit = files('pids.max')?.trim() ?? 'max';
  return {
    current: numberOf(files('pids.current')),
    ...(limit === 'max' ? {} : { limit: numberOf(limit) }),
  };
}

function readPressure(files: Files): Record<PressureKind, PressureTotals> | undefined {
  const cpu = totals(files('cpu.pressure'));
  const memory = totals(files('memory.pressure'));
  const io = totals(files('io.pressure'));
  return cpu && memory && io && { cpu, memory, io };
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=27`; switched off, reading fails with EOPNOTSUPP. */
function totals(text: string | undefined): PressureTotals | undefined {
  if (text === undefined) return undefined;
  const total = (kind: string): number =>
    Number(new RegExp(`^${kind} .*total=(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { someUs: total('some'), fullUs: total('full') };
}

/** Lines `name number`. */
function keyed(text = ''): Record<string, number> {
  const values: Record<string, number> = {};
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space <= 0) continue;
    const value = Number(line.slice(space + 1));
    if (!Number.isNaN(value)) values[line.slice(0, space)] = value;
  }
  return values;
}

const numberOf = (text: string | undefined): number => Number(/^\d+/.exec(text ?? '')?.[0] ?? 0);

/** USER_HZ is 100 on every architecture that we support (proc(5)). */
const tickNs = 10_000_000;

export interface HostCpu {
  /** Time of all processors together since boot, idle time included. */
  totalNs: number;
  online: number;
}

/** The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq. */
export function readHostCpu(statFile = '/proc/stat'): HostCpu {
  const text = readSmall(statFile) ?? '';
  const words = (/^cpu +(.*)$/m.exec(text)?.[1] ?? '').split(' ').slice(0, 7).map(Number);
  return {
    totalNs: words.reduce((sum, ticks) => sum + ticks, 0) * tickNs,
    online: text.match(/^cpu\d+ /gm)?.length ?? 1,
  };
}
