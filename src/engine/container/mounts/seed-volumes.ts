import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ContainerRecord, ResolvedMount } from '../container.ts';
import type { Context } from '../context.ts';
import { planLayers } from '../files/container-root.ts';
import { startHelper } from '../files/helper-process.ts';
import { isRunning } from '../state.ts';

/**
 * Docker's copy-up: an empty volume gets what the image has at its place, with owners and modes, when the container is made. The volume is empty or whole at
 * every moment.
 */
export async function seedVolumes(context: Context, record: ContainerRecord): Promise<void> {
  const snapshot = await context.snapshots.find(record.id);
  const lower = snapshot?.mount.lower ?? [];
  // One after the other: two places may be of one volume, and the first wins.
  for (const mount of record.mounts) {
    if (mount.kind !== 'volume' || mount.name === undefined || !wantsSeed(mount)) continue;
    if (!(await mayHaveContent(lower, mount.destination))) continue;
    if (isMountedElsewhere(context, mount.name) || isMemory(context, mount.name)) continue;
    await seed(context, record, mount.name, mount.destination);
    faultPoint('container.create.seeded');
  }
}

/** What the options of a volume name is mounted for it. */
async function seed(
  context: Context,
  record: ContainerRecord,
  name: string,
  destination: string,
): Promise<void> {
  const user = `create ${record.id}`;
  await context.volumeMounts.acquire(user, [name]);
  try {
    await context.volumes.seed(name, (directory) => copyInto(context, record, destination, directory));
  } finally {
    await context.volumeMounts.release(user);
  }
}

/** It would be gone again before the start. */
const isMemory = ({ volumes }: Context, name: string): boolean =>
  ['tmpfs', 'ramfs'].includes(volumes.find(name)?.options.type ?? '');

const wantsSeed = ({ mode, noCopy, subpath }: ResolvedMount): boolean =>
  !noCopy && subpath === undefined && !mode.split(',').includes('nocopy');

/** A running container has the empty folder itself in its view: another one in its place would be nobody's. */
function isMountedElsewhere({ store }: Pick<Context, 'store'>, name: string): boolean {
  return store
    .list()
    .some((other) => isRunning(other.state) && other.mounts.some((mount) => mount.name === name));
}

/**
 * Whether some layer has something at the path. No link is followed, so that nothing outside of the layers is looked at: a link on the way means that it
 * may.
 */
async function mayHaveContent(lower: readonly string[], path: string): Promise<boolean> {
  for (const layer of lower) if (await isInLayer(layer, path)) return true;
  return false;
}

async function isInLayer(layer: string, path: string): Promise<boolean> {
  let place = layer;
  for (const part of path.split('/').filter(Boolean)) {
    place = join(place, part);
    const found = await lstat(place).catch(() => undefined);
    if (!found) return false;
    if (found.isSymbolicLink()) return true;
    if (!found.isDirectory()) return false;
  }
  return true;
}

async function copyInto(
  context: Context,
  record: ContainerRecord,
  path: string,
  directory: string,
): Promise<void> {
  const { emptyDirectory, filesCommand } = context.settings;
  const helper = startHelper({
    command: filesCommand,
    request: {
      parentPid: process.pid,
      emptyDirectory,
      root: await planLayers(context, record),
      action: { op: 'seed', path, into: directory },
    },
  });
  await helper.done;
}
