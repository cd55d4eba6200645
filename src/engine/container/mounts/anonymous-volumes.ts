import { isKind, toSiloError } from '../../../foundation/base/errors.ts';
import { randomHexId } from '../../../foundation/base/ids.ts';
import type { VolumeInfo, Volumes } from '../../../resources/volume/volume.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { prefixed } from '../prefixed.ts';

/** Docker's words for a volume that cannot be made. */
export async function createVolume(
  volumes: Pick<Volumes, 'create'>,
  request: Parameters<Volumes['create']>[0],
): Promise<VolumeInfo> {
  try {
    return await volumes.create(request);
  } catch (error) {
    throw request.name === undefined ? error : prefixed(`create ${request.name}`, error);
  }
}

type Deps = Pick<Context, 'store' | 'volumes' | 'events' | 'log'>;

/**
 * Volumes for a container being made. Anonymous ones are doomed from before they exist until the container's record is inserted, and removed when
 * `undo` is disposed. All names are `held` from before the volume is looked for, so that nobody removes it meanwhile.
 */
export function volumesFor(
  context: Deps,
  undo: AsyncDisposableStack,
  held: Set<string>,
): Pick<Volumes, 'create'> {
  return {
    async create(request): Promise<VolumeInfo> {
      const name = request.name ?? randomHexId();
      held.add(name);
      const isNew = !context.volumes.list().some((volume) => volume.name === name);
      if (request.name === undefined) {
        context.store.doomedVolumes.add(name);
        undo.defer(() => removeDoomed(context, name));
      }
      const anonymous = request.name === undefined ? { anonymous: true } : {};
      const volume = await createVolume(context.volumes, { ...request, name, ...anonymous });
      if (isNew) publishVolume(context, 'create', name);
      return volume;
    },
  };
}

/** Those that go with the container: anonymous, and of no other container. */
export function volumesLeaving(context: Deps, record: ContainerRecord): string[] {
  return record.mounts.flatMap(({ name }) => {
    if (name === undefined) return [];
    const others = context.store.list().filter((other) => other.id !== record.id);
    const isShared = others.some((other) => other.mounts.some((mount) => mount.name === name));
    return !isShared && isAnonymous(context, name) ? [name] : [];
  });
}

function isAnonymous({ volumes }: Deps, name: string): boolean {
  try {
    return volumes.get(name).anonymous;
  } catch (error) {
    if (isKind(error, 'not-found')) return false;
    throw error;
  }
}

export async function removeDoomed(context: Deps, name: string): Promise<void> {
  try {
    await context.volumes.remove(name);
    publishVolume(context, 'destroy', name);
  } catch (error) {
    // It stays doomed, for the next start.
    if (!isKind(error, 'not-found'))
      return context.log.warn(`removing anonymous volume ${name}: ${toSiloError(error).message}`);
  }
  context.store.doomedVolumes.delete(name);
}

function publishVolume({ events }: Deps, action: 'create' | 'destroy', id: string): void {
  events.publish({ type: 'volume', action, id, attributes: { driver: 'local' } });
}

/** Removes what a crash between a container and its volumes left. Called while no request is under way. */
export async function sweepDoomedVolumes(context: Deps): Promise<void> {
  const doomed = context.store.doomedVolumes.list();
  if (doomed.length === 0) return;
  const used = new Set(context.store.list().flatMap(({ mounts }) => mounts.map(({ name }) => name)));
  for (const name of doomed) {
    if (used.has(name)) context.store.doomedVolumes.delete(name);
    else await removeDoomed(context, name);
  }
}
