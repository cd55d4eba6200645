import type { ContainerRecord } from '../../../engine/container/container.ts';
import type { MountPointJson } from '../../../foundation/wire/docker/container.ts';

/** `Mounts` of inspect and list: binds, volumes and requested tmpfs, but not `HostConfig.Tmpfs`, as in Docker. */
export function toMountPoints(record: Pick<ContainerRecord, 'mounts' | 'config'>): MountPointJson[] {
  // What Docker shows for volumes that were asked for by name, on hosts without SELinux too, is `z`.
  const isImplied = ({ name, destination }: ContainerRecord['mounts'][number]): boolean =>
    /^[0-9a-f]{64}$/.test(name ?? '') &&
    record.config.volumes.some((path) => path.replace(/(.)\/+$/, '$1') === destination);
  const resolved = record.mounts.map((mount): MountPointJson =>
    mount.kind === 'volume'
      ? {
          Type: 'volume',
          Name: mount.name ?? '',
          Source: mount.source,
          Destination: mount.destination,
          Driver: 'local',
          Mode: isImplied(mount) ? '' : mount.mode || 'z',
          RW: !mount.readOnly,
          Propagation: '',
        }
      : {
          Type: mount.kind,
          Source: mount.source,
          Destination: mount.destination,
          Mode: mount.mode,
          RW: !mount.readOnly,
          Propagation: mount.propagation,
        },
  );
  const temporary = record.config.mounts
    .filter(({ type }) => type === 'tmpfs')
    .map(({ target, readOnly }) => ({
      Type: 'tmpfs',
      Source: '',
      Destination: target,
      Mode: '',
      RW: !readOnly,
      Propagation: '',
    }));
  return [...resolved, ...temporary];
}
