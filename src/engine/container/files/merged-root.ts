import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import type { IdMappings } from '../../../foundation/kernel/id-mapping.ts';
import { cloneOverlay, openOverlay } from '../../../foundation/kernel/mount.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { rootfsPath } from '../mounts/rootfs.ts';
import { isRunning } from '../state.ts';
import { snapshotOf } from './changes.ts';

/** The merged root of a container without any mount in it: no volume, no `/proc`. It stays readable when the container stops or starts. */
export interface MergedRoot extends Disposable {
  fd: number;
  /** Those of its user namespace, when its owners are seen so. */
  ids?: IdMappings | undefined;
}

/** Of a running container its own mount; otherwise a read-only one of the same layers. Both are attached nowhere and go with the descriptor. */
export async function openMergedRoot(context: Context, record: ContainerRecord): Promise<MergedRoot> {
  const snapshot = await snapshotOf(context, record);
  const mounted = isRunning(record.state) ? mountedRoot(rootfsPath(context, record.id)) : undefined;
  const ids = mounted === undefined ? undefined : context.idRanges.of(record.id);
  const { upper, lower } = snapshot.mount;
  const fd = mounted ?? openStopped(context, [upper, ...lower], record.id);
  return { fd, ids, [Symbol.dispose]: () => closeDescriptor(fd) };
}

function mountedRoot(path: string): number | undefined {
  try {
    return cloneOverlay(path);
  } catch (error) {
    // It ended meanwhile.
    if (isErrno(error, 'ENOENT', 'EINVAL')) return undefined;
    throw error;
  }
}

function openStopped(context: Context, lower: readonly string[], id: string): number {
  const scratch = join(context.settings.rootfsDirectory, `.view-${id}`);
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  try {
    return openOverlay({ lower, scratch });
  } finally {
    rmdirSync(scratch);
  }
}
