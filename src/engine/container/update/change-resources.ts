import { conflict, invalid } from '../../../foundation/base/errors.ts';
import { checkResources } from '../../../resources/spec/resources.ts';
import type { Resources } from '../config.ts';

/** Limits that are fixed when the container is made. */
const fixed = {
  ulimits: 'ulimits',
  blkioWeightDevices: 'block IO weights of devices',
  blkioThrottle: 'block IO rates of devices',
} as const satisfies Partial<Record<keyof Resources, string>>;

/**
 * The limits after an update, as Docker joins them: what the update does not name stays, and what fits each alone but not together is refused with its
 * words. Of the update 0 is a wish only for `pidsLimit`, where it takes the limit away.
 */
export function changeResources(
  current: Resources,
  change: Resources,
  host: { swapLimit: boolean },
): Resources {
  for (const [field, what] of Object.entries(fixed))
    if (change[field as keyof typeof fixed])
      throw invalid(`${what} cannot be changed once the container exists`, { code: 'fixed-limit' });
  refuseMixedCpus(current, change);
  const swap = swapAfter(current, change, host);
  const changed = {
    ...current,
    ...change,
    ...(swap === undefined ? {} : { memorySwapBytes: swap }),
  };
  const { ulimits: _ulimits, blkioThrottle: _throttle, blkioWeightDevices: _weights, ...plain } = changed;
  // A reservation is measured by the limit that came in the same request only: one above the limit is without effect.
  const { memoryReservationBytes: _reservation, ...joined } = plain;
  checkResources(joined);
  checkResources({
    memoryBytes: change.memoryBytes ?? 0,
    memoryReservationBytes: change.memoryReservationBytes ?? 0,
  });
  return changed;
}

/** `--cpus` is period and quota in another form: a container has one form or the other. */
function refuseMixedCpus(current: Resources, change: Resources): void {
  const pairs = [
    ['nanoCpus', 'cpuPeriodUs', 'Nano CPUs cannot be updated as CPU Period has already been set'],
    ['nanoCpus', 'cpuQuotaUs', 'Nano CPUs cannot be updated as CPU Quota has already been set'],
    ['cpuPeriodUs', 'nanoCpus', 'CPU Period cannot be updated as NanoCPUs has already been set'],
    ['cpuQuotaUs', 'nanoCpus', 'CPU Quota cannot be updated as NanoCPUs has already been set'],
  ] as const;
  for (const [wanted, held, why] of pairs)
    if ((change[wanted] ?? 0) > 0 && (current[held] ?? 0) > 0) throw refused(`Conflicting options: ${why}`);
}

/** Swap that nobody asked for is as much as the memory was at create, and stays that when memory changes. */
function swapAfter(current: Resources, change: Resources, host: { swapLimit: boolean }): number | undefined {
  if (change.memorySwapBytes) return change.memorySwapBytes;
  if (!change.memoryBytes) return current.memorySwapBytes;
  if (!host.swapLimit) return -1;
  const held = current.memorySwapBytes ?? 2 * (current.memoryBytes ?? 0);
  if (change.memoryBytes > held)
    throw refused(
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    );
  return held;
}

function refused(message: string): Error {
  return conflict(message, { code: 'conflicting-limits' });
}
