import { statSync } from 'node:fs';
import { invalid } from '../../../foundation/base/errors.ts';
import type { ResourceRequest } from '../../../resources/spec/spec.ts';
import type { ContainerConfig, Resources } from '../config.ts';
import { deviceNumbers } from './host-devices.ts';

/** Limits as the spec has them; device paths become numbers now. */
export function toResourceRequest(config: ContainerConfig, lowestOomScore: number): ResourceRequest {
  const { blkioWeightDevices, blkioThrottle, ...same } = config.resources;
  const throttled = (kind: NonNullable<Resources['blkioThrottle']>[number]['kind']) =>
    (blkioThrottle ?? [])
      .filter((entry) => entry.kind === kind)
      .map(({ path, rate }) => ({ ...numbersOf(path), rate }));
  return {
    ...same,
    oomScoreAdj: config.oomScoreAdj === 0 ? 0 : Math.max(config.oomScoreAdj, lowestOomScore),
    blkioWeightDevices: (blkioWeightDevices ?? []).map(({ path, weight }) => ({
      ...numbersOf(path),
      weight,
    })),
    blkioReadBps: throttled('read-bps'),
    blkioWriteBps: throttled('write-bps'),
    blkioReadIops: throttled('read-iops'),
    blkioWriteIops: throttled('write-iops'),
  };
}

function numbersOf(path: string): { major: number; minor: number } {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) throw invalid(`stat ${path}: no such file or directory`, { code: 'no-such-device' });
  return deviceNumbers(stats.rdev);
}
