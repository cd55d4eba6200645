import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Damage, MoveAside } from '../../../foundation/base/damage.ts';
import { isKind } from '../../../foundation/base/errors.ts';
import { type ContainerId, parseContainerId, shortId } from '../../../foundation/base/ids.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { unmountRootfs } from '../mounts/rootfs.ts';
import { isRunning } from '../state.ts';

/** Compares the records of containers with folders, mounts, volumes, images and endpoints. Safe beside creates and starts. */
export async function* checkContainers(
  context: Context,
  options: { moveAside: MoveAside },
): AsyncGenerator<Damage> {
  for (const { id, name } of context.store.damaged())
    yield {
      kind: 'damaged-record',
      subject: id,
      message: `the record of container ${name} cannot be read; it is not listed. Repairing keeps its writable layer in lost+found and forgets it`,
      repair: async () => {
        await options.moveAside(join(context.settings.containersDirectory, id));
        await context.snapshots.keepAside(id, options.moveAside);
        context.store.remove(id);
      },
    };
  for (const record of context.store.list()) {
    if (context.locks.isHeld(record.id)) continue;
    yield* checkRecord(context, record);
  }
  yield* strangers(context, options);
}

async function* checkRecord(context: Context, record: ContainerRecord): AsyncGenerator<Damage> {
  const { id, name } = record;
  const locked = (work: () => Promise<unknown>) => (): Promise<unknown> =>
    context.locks.run(id, async () => (context.store.has(id) ? await work() : undefined));
  if ((await context.snapshots.check(id)) !== 'whole' && !isRunning(record.state))
    yield {
      kind: 'missing-snapshot',
      subject: id,
      message: `the writable layer of container ${name} is missing or its list of layers is: what is there of its files stays, the rest is made anew`,
      repair: locked(() => context.snapshots.restore(id, record.layers)),
    };
  const folder = join(context.settings.containersDirectory, id);
  if (!(await isThere(folder)))
    yield {
      kind: 'missing-folder',
      subject: id,
      message: `the folder of container ${name} is missing: its log is lost`,
      repair: locked(() => mkdir(folder, { recursive: true, mode: 0o700 })),
    };
  if (!hasImage(context, record))
    yield {
      kind: 'missing-image',
      subject: record.imageId,
      message: `container ${name} comes from image ${record.imageName}, which has no record; pull ${record.imageName} again`,
    };
  for (const mount of record.mounts)
    if (mount.kind === 'volume' && mount.name !== undefined && !hasVolume(context, mount.name)) {
      const volume = mount.name;
      yield {
        kind: 'missing-volume',
        subject: volume,
        message: `container ${name} uses volume ${volume}, which is missing; repairing makes an empty one`,
        repair: locked(() => context.volumes.create({ name: volume })),
      };
    }
  if (record.state.status === 'exited' && context.endpoints.find(id).length > 0)
    yield {
      kind: 'orphan-endpoint',
      subject: id,
      message: `container ${name} does not run and holds addresses or ports`,
      repair: locked(() => context.endpoints.release(id)),
    };
}

/** Folders and mounts that no record, and no create that is under way, knows. */
async function* strangers(context: Context, { moveAside }: { moveAside: MoveAside }): AsyncGenerator<Damage> {
  const { containersDirectory, rootfsDirectory } = context.settings;
  const isUnknown = (id: ContainerId): boolean => !context.store.has(id) && !context.creating.has(id);
  for (const name of await readdir(containersDirectory)) {
    const id = toId(name);
    if (id !== undefined && !isUnknown(id)) continue;
    const path = join(containersDirectory, name);
    yield {
      kind: id === undefined ? 'unknown-entry' : 'orphan-folder',
      subject: path,
      message: id === undefined ? `${path} is not of the engine` : `${path} is of no container`,
      repair: () => moveAside(path),
    };
  }
  for (const id of await context.snapshots.list())
    if (isUnknown(id))
      yield {
        kind: 'orphan-snapshot',
        subject: id,
        message: `writable layer ${shortId(id)} is of no container`,
        repair: () => context.snapshots.keepAside(id, moveAside),
      };
  for (const name of await readdir(rootfsDirectory)) {
    const id = toId(name);
    const record = id && context.store.find(id);
    if (id === undefined || context.locks.isHeld(id) || (record && isRunning(record.state))) continue;
    yield {
      kind: 'orphan-mount',
      subject: join(rootfsDirectory, name),
      message: `the root file system of ${record ? `container ${record.name}, which does not run,` : shortId(id)} is still mounted or its mount point is there`,
      repair: () => context.locks.run(id, () => unmountRootfs(context, id)),
    };
  }
}

function toId(name: string): ContainerId | undefined {
  return /^[0-9a-f]{64}$/.test(name) ? parseContainerId(name) : undefined;
}

async function isThere(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    () => false,
  );
}

function hasImage({ images }: Context, { imageId }: ContainerRecord): boolean {
  return isFound(() => images.resolve(imageId));
}

function hasVolume({ volumes }: Context, name: string): boolean {
  return isFound(() => volumes.get(name));
}

function isFound(find: () => unknown): boolean {
  try {
    find();
    return true;
  } catch (error) {
    if (isKind(error, 'not-found')) return false;
    throw error;
  }
}
