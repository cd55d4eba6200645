import { existsSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict, invalid } from '../base/errors.ts';
import { cgroupDirectory, type CgroupHost } from './cgroup.ts';

/*
 * Limits of a living control group, by its files. What differs between the versions is here: names, units, and what must be written first
 * (Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst).
 */

/** The words of the OCI runtime spec. Absent fields stay as they are; -1 takes a limit away. */
export interface CgroupLimits {
  memory?: {
    limit?: number;
    /** Memory and swap together. */
    swap?: number;
    reservation?: number;
    swappiness?: number;
    disableOOMKiller?: boolean;
  };
  cpu?: {
    shares?: number;
    quota?: number;
    period?: number;
    realtimeRuntime?: number;
    realtimePeriod?: number;
    cpus?: string;
    mems?: string;
  };
  pids?: { limit: number };
  blockIO?: { weight?: number };
}

export interface ControlWrite {
  /** The control file. */
  path: string;
  value: string;
}

/**
 * Writes what has another value; when the kernel refuses one, those before it are written back and the error tells file and reason. Kind `conflict`
 * when more memory is in use than the limit allows.
 */
export async function applyCgroupLimits(
  host: CgroupHost,
  cgroupsPath: string,
  limits: CgroupLimits,
): Promise<void> {
  const before: ControlWrite[] = [];
  try {
    for (const write of limitWrites(host, cgroupsPath, limits)) {
      const value = read(write.path);
      if (value === write.value) continue;
      await put(write);
      if (value !== undefined) before.unshift({ path: write.path, value });
    }
  } catch (error) {
    for (const write of before) await put(write).catch(() => undefined);
    throw error;
  }
}

/** The writes in their order. Reads what the order depends on, changes nothing. */
export function limitWrites(host: CgroupHost, cgroupsPath: string, limits: CgroupLimits): ControlWrite[] {
  const at = (controller: string, file: string): string =>
    join(cgroupDirectory(host, cgroupsPath, controller), file);
  const is1 = (controller: string): boolean => host.hierarchies.has(controller);
  const { memory = {}, cpu = {}, pids, blockIO } = limits;
  return [
    ...(is1('memory') ? memory1 : memory2)(memory, (file) => at('memory', file)),
    ...(is1('cpu') ? cpu1 : cpu2)(cpu, (file) => at('cpu', file)),
    ...one(cpu.cpus, at('cpuset', 'cpuset.cpus')),
    ...one(cpu.mems, at('cpuset', 'cpuset.mems')),
    ...(pids ? one(pids.limit > 0 ? pids.limit : 'max', at('pids', 'pids.max')) : []),
    ...(blockIO?.weight ? weight(blockIO.weight, is1('blkio'), at) : []),
  ];
}

type Place = (file: string) => string;

function one(value: number | string | undefined, path: string): ControlWrite[] {
  return value === undefined ? [] : [{ path, value: String(value) }];
}

/** memory.limit_in_bytes may never be above memory.memsw.limit_in_bytes: what grows is written from the outer one, what shrinks from the inner. */
function memory1(memory: NonNullable<CgroupLimits['memory']>, at: Place): ControlWrite[] {
  const { limit, swap, reservation, swappiness, disableOOMKiller } = memory;
  const inner = one(limit, at('memory.limit_in_bytes'));
  const outerPath = at('memory.memsw.limit_in_bytes');
  const outer = existsSync(outerPath) ? one(swap, outerPath) : [];
  const outerNow = Number(read(outerPath) ?? 0);
  const grows = limit !== undefined && (limit < 0 || limit > outerNow);
  return [
    ...(grows ? [...outer, ...inner] : [...inner, ...outer]),
    ...one(reservation, at('memory.soft_limit_in_bytes')),
    ...one(swappiness, at('memory.swappiness')),
    ...oomKiller(disableOOMKiller, at('memory.oom_control')),
  ];
}

/** The file reads as a table, whose first line is the switch. */
function oomKiller(disable: boolean | undefined, path: string): ControlWrite[] {
  if (disable === undefined) return [];
  const isDisabled = /^oom_kill_disable 1$/m.test(read(path) ?? '');
  return isDisabled === disable ? [] : [{ path, value: disable ? '1' : '0' }];
}

/** Swap is counted by itself. A limit below what cannot be reclaimed would kill processes instead of failing: it is refused first. */
function memory2(memory: NonNullable<CgroupLimits['memory']>, at: Place): ControlWrite[] {
  const { limit, swap, reservation } = memory;
  if (limit !== undefined && limit > 0) refuseBelowUse(limit, at);
  const alone =
    swap === undefined ? undefined : swap < 0 ? 'max' : limit === undefined ? undefined : swap - limit;
  const swapPath = at('memory.swap.max');
  return [
    ...one(orMax(limit), at('memory.max')),
    ...(existsSync(swapPath) ? one(alone, swapPath) : []),
    ...one(orMax(reservation), at('memory.low')),
  ];
}

function refuseBelowUse(limit: number, at: Place): void {
  const used = Number(read(at('memory.current')) ?? 0);
  const stat = read(at('memory.stat')) ?? '';
  const cached = [...stat.matchAll(/^(?:in)?active_file (\d+)$/gm)].reduce(
    (sum, [, bytes]) => sum + Number(bytes),
    0,
  );
  if (used - cached > limit) throw belowUse(limit, used, Number(read(at('memory.peak')) ?? used));
}

function cpu1(cpu: NonNullable<CgroupLimits['cpu']>, at: Place): ControlWrite[] {
  return [
    ...one(cpu.shares, at('cpu.shares')),
    ...one(cpu.period, at('cpu.cfs_period_us')),
    ...one(cpu.quota, at('cpu.cfs_quota_us')),
    ...one(cpu.realtimePeriod, at('cpu.rt_period_us')),
    ...one(cpu.realtimeRuntime, at('cpu.rt_runtime_us')),
  ];
}

function cpu2(cpu: NonNullable<CgroupLimits['cpu']>, at: Place): ControlWrite[] {
  if (cpu.realtimePeriod !== undefined || cpu.realtimeRuntime !== undefined)
    throw invalid('real-time CPU limits are of control groups version 1: this host has version 2', {
      code: 'bad-limit',
    });
  const [quotaNow = 'max', periodNow = '100000'] = (read(at('cpu.max')) ?? '').split(' ').filter(Boolean);
  const quota = cpu.quota === undefined ? quotaNow : orMax(cpu.quota);
  const hasMax = cpu.quota !== undefined || cpu.period !== undefined;
  return [
    ...one(cpu.shares === undefined ? undefined : weightOfShares(cpu.shares), at('cpu.weight')),
    ...(hasMax ? one(`${quota} ${cpu.period ?? periodNow}`, at('cpu.max')) : []),
  ];
}

/** 2..262144 shares as 1..10000, as the runtimes convert them. */
function weightOfShares(shares: number): number {
  const inRange = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.floor(((inRange - 2) * 9999) / 262_142);
}

/** The scheduler BFQ has a file of its own; without one of them the host cannot weigh, and Docker discards the weight with a warning. */
function weight(
  value: number,
  isVersion1: boolean,
  at: (controller: string, file: string) => string,
): ControlWrite[] {
  const files = isVersion1
    ? [
        [at('blkio', 'blkio.bfq.weight'), value],
        [at('blkio', 'blkio.weight'), value],
      ]
    : [
        [at('io', 'io.bfq.weight'), value],
        [at('io', 'io.weight'), 1 + Math.floor(((value - 10) * 9999) / 990)],
      ];
  const found = files.find(([path]) => existsSync(String(path)));
  return found ? one(found[1], String(found[0])) : [];
}

function orMax(value: number | undefined): number | 'max' | undefined {
  return value !== undefined && value < 0 ? 'max' : value;
}

async function put({ path, value }: ControlWrite): Promise<void> {
  try {
    // Control files exist or do not: opening must not make one. A shrinking memory limit reclaims while it is written, so not on this thread.
    await using file = await open(path, 'r+');
    await file.writeFile(value);
  } catch (error) {
    throw refusal(path, value, error as NodeJS.ErrnoException);
  }
}

function refusal(path: string, value: string, error: NodeJS.ErrnoException): Error {
  const folder = path.replace(/[^/]*$/, '');
  if (error.code === 'EBUSY' && /memory\.(memsw\.)?limit_in_bytes$/.test(path)) {
    const used = Number(read(`${folder}memory.usage_in_bytes`) ?? 0);
    const peak = Number(read(`${folder}memory.max_usage_in_bytes`) ?? used);
    return belowUse(Number(value), used, peak);
  }
  const reason = error.message.replace(/^[A-Z0-9]+: /, '').replace(/, (open|write).*$/, '');
  return invalid(`failed to write "${value}": write ${path}: ${reason}`, { code: 'bad-limit', cause: error });
}

function belowUse(limit: number, used: number, peak: number): Error {
  return conflict(`unable to set memory limit to ${limit} (current usage: ${used}, peak usage: ${peak})`, {
    code: 'limit-below-use',
    hint: 'give more memory, or free some in the container first',
  });
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
