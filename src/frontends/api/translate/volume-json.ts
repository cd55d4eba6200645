import type { VolumeJson } from '../../../foundation/wire/docker/volume.ts';
import type { VolumeInfo } from '../../../resources/volume/volume.ts';

/** Docker marks anonymous volumes by this label and shows times of volumes without fractions. */
const anonymousLabel = 'com.docker.volume.anonymous';

export function toVolumeJson(volume: VolumeInfo): VolumeJson {
  const labels = volume.anonymous ? { [anonymousLabel]: '', ...volume.labels } : volume.labels;
  return {
    CreatedAt: new Date(volume.createdAtMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    Driver: volume.driver,
    Labels: emptyToNull(labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: emptyToNull(volume.options),
    Scope: 'local',
  };
}

function emptyToNull(map: Record<string, string>): Record<string, string> | null {
  return Object.keys(map).length === 0 ? null : map;
}
