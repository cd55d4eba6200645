import { conflict, isKind } from '../../foundation/base/errors.ts';
import type { Volumes } from '../../resources/volume/volume.ts';
import { createVolume } from '../container/mounts/anonymous-volumes.ts';
import type { ContainerQueries } from '../container/container.ts';
import type { VolumeMounts } from '../container/mounts/volume-mounts.ts';
import { createVolumeTransfers } from './volume-transfers.ts';
import type { Events } from '../events/events.ts';
import type { VolumeCommands } from './engine.ts';

/** Volumes with their users: a volume that a container names is never removed. */
export function createVolumeCommands(deps: {
  volumes: Volumes;
  containers: Pick<ContainerQueries, 'usersOfVolume'>;
  mounts: VolumeMounts;
  /** How to run the helper for volumes. */
  command: readonly string[];
  events: Events;
}): VolumeCommands {
  const { volumes, containers, events } = deps;
  const publish = (action: string, name: string): void =>
    events.publish({ type: 'volume', action, id: name, attributes: { driver: 'local' } });
  const reading = new Map<string, number>();
  const transfers = createVolumeTransfers({
    volumes,
    mounts: deps.mounts,
    command: deps.command,
    usersOf: (name) => containers.usersOfVolume(name),
    onCreated: (name) => publish('create', name),
    reading,
  });
  return {
    ...transfers,
    list: () => volumes.list(),
    get: (name) => volumes.get(name),
    async create(request) {
      const known = new Set(volumes.list().map((volume) => volume.name));
      const volume = await createVolume(volumes, request);
      if (!known.has(volume.name)) publish('create', volume.name);
      return volume;
    },
    async remove(name, { force }) {
      const users = containers.usersOfVolume(name);
      if (users.length > 0)
        throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`, { code: 'volume-in-use' });
      if (reading.has(name))
        throw conflict(`remove ${name}: volume is in use - [export or clone]`, { code: 'volume-in-use' });
      try {
        volumes.get(name);
        await volumes.remove(name);
      } catch (error) {
        if (force && isKind(error, 'not-found')) return;
        throw error;
      }
      publish('destroy', name);
    },
  };
}
