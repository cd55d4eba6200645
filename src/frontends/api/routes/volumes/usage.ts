import type { Engine } from '../../../../engine/host/engine.ts';

/** Number of containers that refer to each volume, by name. */
export function volumeUsers(containers: Pick<Engine['containers'], 'list'>): Map<string, number> {
  const users = new Map<string, number>();
  for (const { mounts } of containers.list())
    for (const name of new Set(mounts.flatMap((mount) => mount.name ?? [])))
      users.set(name, (users.get(name) ?? 0) + 1);
  return users;
}
