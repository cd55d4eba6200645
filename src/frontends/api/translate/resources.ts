import type { ResourcesJson, ThrottleDeviceJson } from '../../../foundation/wire/docker/container-config.ts';
import type { Resources } from '../../../engine/container/config.ts';
import { defined, refuseUnless } from './refuse.ts';
import { checkResources, type HostLimits } from './resource-limits.ts';

type ThrottleKind = NonNullable<Resources['blkioThrottle']>[number]['kind'];

const throttleFields = [
  ['read-bps', 'BlkioDeviceReadBps'],
  ['write-bps', 'BlkioDeviceWriteBps'],
  ['read-iops', 'BlkioDeviceReadIOps'],
  ['write-iops', 'BlkioDeviceWriteIOps'],
] as const satisfies readonly (readonly [ThrottleKind, keyof ResourcesJson])[];

/** Limits of a request, checked with Docker's texts. Zero, null and absent all mean no limit and are left out. */
export function toResources(
  json: ResourcesJson,
  host: HostLimits,
  options: { isUpdate: boolean } = { isUpdate: false },
): Resources {
  checkResources(json, host, options);
  refuseUnless(!json.KernelMemoryTCP, 'HostConfig.KernelMemoryTCP');
  refuseUnless(!json.KernelMemory, 'HostConfig.KernelMemory', 'kernels no longer limit it: use Memory');
  const throttles = throttleFields.flatMap(([kind, field]) =>
    (json[field] ?? []).map(({ Path, Rate }) => ({ kind, path: Path, rate: Rate })),
  );
  const swappiness = json.MemorySwappiness ?? -1;
  const pids = json.PidsLimit ?? 0;
  return defined<Resources>({
    memoryBytes: json.Memory || undefined,
    memoryReservationBytes: json.MemoryReservation || undefined,
    memorySwapBytes: json.MemorySwap || undefined,
    memorySwappiness: swappiness === -1 ? undefined : swappiness,
    oomKillDisable: json.OomKillDisable ?? undefined,
    nanoCpus: json.NanoCpus || undefined,
    cpuShares: json.CpuShares || undefined,
    cpuPeriodUs: json.CpuPeriod || undefined,
    cpuQuotaUs: json.CpuQuota || undefined,
    cpuRealtimePeriodUs: json.CpuRealtimePeriod || undefined,
    cpuRealtimeRuntimeUs: json.CpuRealtimeRuntime || undefined,
    cpusetCpus: json.CpusetCpus || undefined,
    cpusetMems: json.CpusetMems || undefined,
    pidsLimit: pids > 0 ? pids : undefined,
    blkioWeight: json.BlkioWeight || undefined,
    ulimits: json.Ulimits?.length
      ? json.Ulimits.map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard }))
      : undefined,
    blkioWeightDevices: json.BlkioWeightDevice?.length
      ? json.BlkioWeightDevice.map(({ Path, Weight }) => ({ path: Path, weight: Weight }))
      : undefined,
    blkioThrottle: throttles.length > 0 ? throttles : undefined,
  });
}

/** The reverse, for inspect: every field, with Docker's zero values. */
export function fromResources(resources: Resources): ResourcesJson {
  const throttle = (wanted: ThrottleKind): ThrottleDeviceJson[] =>
    (resources.blkioThrottle ?? [])
      .filter(({ kind }) => kind === wanted)
      .map(({ path, rate }) => ({ Path: path, Rate: rate }));
  return {
    CpuShares: resources.cpuShares ?? 0,
    Memory: resources.memoryBytes ?? 0,
    NanoCpus: resources.nanoCpus ?? 0,
    BlkioWeight: resources.blkioWeight ?? 0,
    BlkioWeightDevice:
      resources.blkioWeightDevices?.map(({ path, weight }) => ({ Path: path, Weight: weight })) ?? [],
    BlkioDeviceReadBps: throttle('read-bps'),
    BlkioDeviceWriteBps: throttle('write-bps'),
    BlkioDeviceReadIOps: throttle('read-iops'),
    BlkioDeviceWriteIOps: throttle('write-iops'),
    CpuPeriod: resources.cpuPeriodUs ?? 0,
    CpuQuota: resources.cpuQuotaUs ?? 0,
    CpuRealtimePeriod: resources.cpuRealtimePeriodUs ?? 0,
    CpuRealtimeRuntime: resources.cpuRealtimeRuntimeUs ?? 0,
    CpusetCpus: resources.cpusetCpus ?? '',
    CpusetMems: resources.cpusetMems ?? '',
    MemoryReservation: resources.memoryReservationBytes ?? 0,
    MemorySwap: resources.memorySwapBytes ?? 2 * (resources.memoryBytes ?? 0),
    MemorySwappiness: resources.memorySwappiness ?? null,
    OomKillDisable: resources.oomKillDisable ?? false,
    PidsLimit: resources.pidsLimit ?? null,
    Ulimits: resources.ulimits?.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })) ?? [],
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  };
}
