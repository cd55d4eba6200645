import { chownSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { toSiloError } from '../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { mountOverlay, unmount } from '../../../foundation/kernel/mount.ts';
import type { OverlayMount } from '../../../resources/snapshot/snapshot.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { mountSharedMemory, unmountSharedMemory } from './shared-memory.ts';
import type { OwnerShift } from '../userns/owner-shift.ts';

/** Where a running container's root file system is mounted. */
export function rootfsPath({ settings }: Pick<Context, 'settings'>, id: ContainerId): string {
  return join(settings.rootfsDirectory, id, 'merged');
}

/**
 * Mounts it, with the owners of its user namespace. The runtime walks there as the container's root: the folder around the mount is that user's, and closed to
 * all others, as programs in an image may be anything (CVE-2021-41091).
 */
export async function mountRootfs(
  context: Context,
  record: ContainerRecord,
  shift: OwnerShift | undefined,
): Promise<string> {
  const { id, layers } = record;
  // A power cut may have taken what only the death of the engine would not.
  const snapshot = (await context.snapshots.find(id)) ?? (await context.snapshots.restore(id, layers));
  const target = rootfsPath(context, id);
  mkdirSync(target, { recursive: true, mode: 0o700 });
  const owner = shift?.root ?? { uid: 0, gid: 0 };
  chownSync(join(context.settings.rootfsDirectory, id), owner.uid, owner.gid);
  if (shift) mountShifted(snapshot.mount, { root: context.snapshots.root, target, shift });
  else mountOverlay({ ...snapshot.mount, target });
  await mountSharedMemory(context, record, owner);
  return target;
}

/** All parts lie below one folder: they are named through one clone of it, which the mount keeps. */
function mountShifted(
  mount: OverlayMount,
  { root, target, shift }: { root: string; target: string; shift: OwnerShift },
): void {
  const fd = shift.clone(root);
  const through = (path: string): string => `/proc/self/fd/${fd}${path.slice(root.length)}`;
  try {
    mountOverlay({
      lower: mount.lower.map(through),
      upper: through(mount.upper),
      work: through(mount.work),
      target,
    });
  } finally {
    closeDescriptor(fd);
  }
}

export async function unmountRootfs(
  context: Pick<Context, 'settings' | 'log'>,
  id: ContainerId,
): Promise<void> {
  // First: the folder of the root tells the sweep that there is something.
  await unmountSharedMemory(context, id);
  const target = rootfsPath(context, id);
  try {
    unmount(target, { detach: true });
  } catch {
    // Not mounted: the run ended before its mount, or an earlier cleaning did it.
  }
  for (const folder of [target, join(context.settings.rootfsDirectory, id)])
    try {
      rmdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        context.log.warn(`${folder} stays: ${toSiloError(error).message}`);
    }
}
