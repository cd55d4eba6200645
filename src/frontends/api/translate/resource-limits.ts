import { invalid } from '../../../foundation/base/errors.ts';
import type { ResourcesJson } from '../../../foundation/wire/docker/container-config.ts';

const minimumMemoryBytes = 6 * 1024 * 1024;

export interface HostLimits {
  cpus: number;
  /** `0-3`: what may be named in `CpusetCpus` and `CpusetMems`; not checked when absent. */
  cpuList?: string;
  memoryNodes?: string;
}

/** Docker's checks of limits, in its order and words. `host` says what there is to give. */
export function checkResources(
  json: ResourcesJson,
  host: HostLimits,
  { isUpdate }: { isUpdate: boolean },
): void {
  checkMemory(json, isUpdate);
  checkCpu(json, host);
  checkWindows(json);
  const weight = json.BlkioWeight ?? 0;
  if (weight !== 0 && (weight < 10 || weight > 1000)) throw wrong('Range of blkio weight is from 10 to 1000');
  for (const { Name, Soft, Hard } of json.Ulimits ?? []) {
    if (Name === '') throw wrong('invalid ulimit: the name is empty');
    const soft = Soft === -1 ? Infinity : Soft;
    const hard = Hard === -1 ? Infinity : Hard;
    if (soft > hard)
      throw wrong(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
  }
}

function checkMemory(json: ResourcesJson, isUpdate: boolean): void {
  const { Memory = 0, MemorySwap = 0, MemoryReservation = 0 } = json;
  if (Memory < 0 || (Memory > 0 && Memory < minimumMemoryBytes))
    throw wrong('Minimum memory limit allowed is 6MB');
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory)
    throw wrong('Minimum memoryswap limit should be larger than memory limit, see usage');
  // An update leaves the memory limit that there is.
  if (Memory === 0 && MemorySwap > 0 && !isUpdate)
    throw wrong('You should always set the Memory limit when using Memoryswap limit, see usage');
  const swappiness = json.MemorySwappiness ?? -1;
  if (swappiness < -1 || swappiness > 100)
    throw wrong(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  if (MemoryReservation < 0 || (MemoryReservation > 0 && MemoryReservation < minimumMemoryBytes))
    throw wrong('Minimum memory reservation allowed is 6MB');
  if (Memory > 0 && MemoryReservation > Memory)
    throw wrong('Minimum memory limit can not be less than memory reservation limit, see usage');
}

function checkCpu(json: ResourcesJson, { cpus, cpuList, memoryNodes }: HostLimits): void {
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, CpuShares = 0 } = json;
  if (NanoCpus > 0 && CpuPeriod > 0)
    throw wrong('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (NanoCpus > 0 && CpuQuota > 0)
    throw wrong('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  if (NanoCpus < 0 || NanoCpus > cpus * 1e9)
    throw wrong(`Range of CPUs is from 0.01 to ${cpus.toFixed(2)}, as there are only ${cpus} CPUs available`);
  if (CpuShares < 0) throw wrong(`invalid CPU shares (${CpuShares}): value must be a positive integer`);
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000))
    throw wrong('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  if (CpuQuota > 0 && CpuQuota < 1000) throw wrong('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  checkCpuList(json.CpusetCpus ?? '', { what: 'cpuset cpus', name: 'CPUs', available: cpuList });
  checkCpuList(json.CpusetMems ?? '', { what: 'cpuset mems', name: 'memory nodes', available: memoryNodes });
}

/** `0-3,7`; the kernel's list format (cpuset(7)). */
function checkCpuList(list: string, of: { what: string; name: string; available: string | undefined }): void {
  if (list === '') return;
  const shown = list.slice(0, 80);
  const asked = parseCpuList(list);
  if (asked === 'format') throw wrong(`Invalid value ${shown} for ${of.what}: invalid format: ${shown}`);
  if (asked === 'range')
    throw wrong(`Invalid value ${shown} for ${of.what}: value of out range, maximum is ${largestCpu}`);
  const available = of.available === undefined ? asked : parseCpuList(of.available);
  if (Array.isArray(available) && asked.some((each) => !available.includes(each)))
    throw wrong(`Requested ${of.name} are not available - requested ${shown}, available: ${of.available}`);
}

const largestCpu = 8192;

function parseCpuList(list: string): number[] | 'format' | 'range' {
  const all: number[] = [];
  for (const part of list.trim().split(',')) {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
    if (!match) return 'format';
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    if (last > largestCpu) return 'range';
    if (last < first) return 'format';
    for (let each = first; each <= last; each++) all.push(each);
    if (all.length > 2 * largestCpu) return 'range';
  }
  return all;
}

/** What only Windows has and Linux does not ignore, in Docker's words; of `CpuCount` and `CpuPercent` it says that they are discarded. */
function checkWindows(json: ResourcesJson): void {
  const qos = 'Invalid QoS settings: linux does not support configuration of maximum';
  if (json.IOMaximumIOps) throw wrong(`${qos} IOPs`);
  if (json.IOMaximumBandwidth) throw wrong(`${qos} bandwidth`);
}

/** Windows-only limits that Docker accepts on Linux and does not apply. */
export function discardedLimits(json: ResourcesJson): string[] {
  return json.CpuPercent ? ['linux does not support CPU percent. Percent discarded.'] : [];
}

function wrong(message: string): Error {
  return invalid(message, { code: 'bad-limit' });
}
