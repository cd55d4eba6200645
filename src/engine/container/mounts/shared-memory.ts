import { chownSync, existsSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { invalid } from '../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { mountTmpfs, unmount } from '../../../foundation/kernel/mount.ts';
import type { ContainerConfig } from '../config.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';

const defaultShmBytes = 64 * 1024 * 1024;
const everybody = 0o1777;

/**
 * `/dev/shm` that others may join (`--ipc shareable`) is mounted on the host and bound into each of them: a mount of another mount namespace cannot be
 * bound (mount(2), EINVAL). A private one is made inside the container.
 */
export async function mountSharedMemory(
  context: Context,
  { id, config }: ContainerRecord,
  owner: { uid: number; gid: number },
): Promise<void> {
  if (config.namespaces.ipc !== 'shareable') return;
  const target = sharedMemoryPath(context, id);
  await mkdir(target, { recursive: true, mode: 0o700 });
  mountTmpfs({
    target,
    sizeBytes: shmBytes(config),
    mode: everybody,
    attributes: { noSuid: true, noDev: true, noExec: true },
  });
  chownSync(target, owner.uid, owner.gid);
}

/** Those who joined keep it. Absent is fine. */
export async function unmountSharedMemory(
  context: Pick<Context, 'settings'>,
  id: ContainerId,
): Promise<void> {
  const target = sharedMemoryPath(context, id);
  if (!existsSync(target)) return;
  try {
    unmount(target, { detach: true });
  } catch {
    // Not mounted.
  }
  await rmdir(target).catch(() => undefined);
}

export const shmBytes = ({ shmSizeBytes }: Pick<ContainerConfig, 'shmSizeBytes'>): number =>
  shmSizeBytes || defaultShmBytes;

/** Where the memory of a container's IPC namespace is on the host; Docker's rule: a private or missing one is nobody else's. */
export function sharedMemoryOf(context: Pick<Context, 'settings' | 'store'>, owner: ContainerRecord): string {
  const { ipc } = owner.config.namespaces;
  const other = /^container:(.*)$/.exec(ipc)?.[1];
  if (other !== undefined) return sharedMemoryOf(context, context.store.get(other));
  if (ipc === 'host') return '/dev/shm';
  if (ipc === 'shareable') return sharedMemoryPath(context, owner.id);
  throw invalid(
    `failed to join IPC namespace: container ${owner.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    { code: 'not-shareable' },
  );
}

export function sharedMemoryPath({ settings }: Pick<Context, 'settings'>, id: ContainerId): string {
  return join(dirname(settings.rootfsDirectory), 'shm', id);
}
