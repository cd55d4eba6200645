import { invalid } from '../../foundation/base/errors.ts';
import type { SpecResources } from '../../foundation/oci/runtime-spec.ts';
import type { Ulimit } from './rlimits.ts';

/** Limits in Docker's words (`HostConfig`). Absent and 0 mean no limit unless said otherwise. */
export interface ResourceRequest {
  memoryBytes?: number;
  /** Memory and swap together; absent with a memory limit = twice the limit, -1 = unlimited swap. */
  memorySwapBytes?: number;
  memoryReservationBytes?: number;
  memorySwappiness?: number;
  oomKillDisable?: boolean;
  oomScoreAdj?: number;
  /** `--cpus` times 10^9; excludes quota and period. */
  nanoCpus?: number;
  cpuShares?: number;
  cpuQuotaUs?: number;
  cpuPeriodUs?: number;
  cpuRealtimeRuntimeUs?: number;
  cpuRealtimePeriodUs?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  /** -1 and 0 = unlimited. */
  pidsLimit?: number;
  blkioWeight?: number;
  blkioWeightDevices?: readonly { major: number; minor: number; weight: number }[];
  blkioReadBps?: readonly Throttle[];
  blkioWriteBps?: readonly Throttle[];
  blkioReadIops?: readonly Throttle[];
  blkioWriteIops?: readonly Throttle[];
  ulimits?: readonly Ulimit[];
}

export interface Throttle {
  major: number;
  minor: number;
  rate: number;
}

const minimumMemoryBytes = 6 * 1024 * 1024;
const defaultPeriodUs = 100_000;

/**
 * Refuses what contradicts itself, in Docker's words. Docker only warns about limits that the host lacks; so does the
 * engine, and `toResources` leaves them out.
 */
export function checkResources(request: ResourceRequest): void {
  checkMemory(request);
  checkCpu(request);
  const { oomScoreAdj, blkioWeight } = request;
  if (oomScoreAdj !== undefined && (oomScoreAdj < -1000 || oomScoreAdj > 1000))
    throw invalid(`Invalid value ${oomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  if (blkioWeight && (blkioWeight < 10 || blkioWeight > 1000))
    throw invalid('Range of blkio weight is from 10 to 1000');
}

function checkMemory(request: ResourceRequest): void {
  const memory = request.memoryBytes ?? 0;
  const swap = request.memorySwapBytes ?? 0;
  const reservation = request.memoryReservationBytes ?? 0;
  if (memory !== 0 && memory < minimumMemoryBytes)
    throw invalid('Minimum memory limit allowed is 6MB', { hint: 'give at least --memory 6m' });
  if (memory > 0 && swap > 0 && swap < memory)
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  if (memory === 0 && swap > 0)
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
  if (reservation > 0 && reservation < minimumMemoryBytes)
    throw invalid('Minimum memory reservation allowed is 6MB');
  if (memory > 0 && reservation > memory)
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
  const swappiness = request.memorySwappiness ?? -1;
  if (swappiness < -1 || swappiness > 100)
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
}

function checkCpu(request: ResourceRequest): void {
  const { nanoCpus = 0, cpuQuotaUs = 0, cpuPeriodUs = 0 } = request;
  if (nanoCpus < 0) throw invalid('NanoCPUs can not be negative');
  if (nanoCpus > 0 && cpuPeriodUs > 0)
    throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (nanoCpus > 0 && cpuQuotaUs > 0)
    throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  if (cpuPeriodUs !== 0 && (cpuPeriodUs < 1000 || cpuPeriodUs > 1_000_000))
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  if (cpuQuotaUs > 0 && cpuQuotaUs < 1000)
    throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  if ((request.cpuShares ?? 0) < 0)
    throw invalid(`invalid CPU shares (${request.cpuShares}): value must be a positive integer`);
}

/** Everything but the device rules. */
export function toResources(
  request: ResourceRequest,
  host: { swapLimit: boolean; cgroupVersion: 1 | 2 },
): SpecResources {
  const memory = toMemory(request, host);
  const cpu = toCpu(request);
  const blockIO = toBlockIO(request);
  const pids = request.pidsLimit ?? 0;
  return {
    ...(Object.keys(memory).length > 0 ? { memory } : {}),
    ...(Object.keys(cpu).length > 0 ? { cpu } : {}),
    ...(Object.keys(blockIO).length > 0 ? { blockIO } : {}),
    ...(pids > 0 ? { pids: { limit: pids } } : {}),
  };
}

type Host = { swapLimit: boolean; cgroupVersion: 1 | 2 };

function toMemory(request: ResourceRequest, host: Host): NonNullable<SpecResources['memory']> {
  const limit = request.memoryBytes ?? 0;
  const swap = request.memorySwapBytes || (limit > 0 ? limit * 2 : 0);
  const version1 = host.cgroupVersion === 1;
  return {
    ...(limit > 0 ? { limit } : {}),
    ...(swap !== 0 && host.swapLimit ? { swap } : {}),
    ...(request.memoryReservationBytes ? { reservation: request.memoryReservationBytes } : {}),
    // Version 2 has neither knob (Documentation/admin-guide/cgroup-v2.rst).
    ...(version1 && request.memorySwappiness !== undefined && request.memorySwappiness >= 0
      ? { swappiness: request.memorySwappiness }
      : {}),
    ...(version1 && request.oomKillDisable ? { disableOOMKiller: true } : {}),
  };
}

function toCpu(request: ResourceRequest): NonNullable<SpecResources['cpu']> {
  const nano = request.nanoCpus ?? 0;
  const quota = nano > 0 ? Math.trunc((nano * defaultPeriodUs) / 1e9) : request.cpuQuotaUs;
  const period = nano > 0 ? defaultPeriodUs : request.cpuPeriodUs;
  return {
    ...(request.cpuShares ? { shares: request.cpuShares } : {}),
    ...(quota ? { quota } : {}),
    ...(period ? { period } : {}),
    ...(request.cpuRealtimeRuntimeUs ? { realtimeRuntime: request.cpuRealtimeRuntimeUs } : {}),
    ...(request.cpuRealtimePeriodUs ? { realtimePeriod: request.cpuRealtimePeriodUs } : {}),
    ...(request.cpusetCpus ? { cpus: request.cpusetCpus } : {}),
    ...(request.cpusetMems ? { mems: request.cpusetMems } : {}),
  };
}

function toBlockIO(request: ResourceRequest): NonNullable<SpecResources['blockIO']> {
  const list = (key: keyof NonNullable<SpecResources['blockIO']>, entries: readonly Throttle[] | undefined) =>
    entries?.length ? { [key]: [...entries] } : {};
  return {
    ...(request.blkioWeight ? { weight: request.blkioWeight } : {}),
    ...(request.blkioWeightDevices?.length ? { weightDevice: [...request.blkioWeightDevices] } : {}),
    ...list('throttleReadBpsDevice', request.blkioReadBps),
    ...list('throttleWriteBpsDevice', request.blkioWriteBps),
    ...list('throttleReadIOPSDevice', request.blkioReadIops),
    ...list('throttleWriteIOPSDevice', request.blkioWriteIops),
  };
}
