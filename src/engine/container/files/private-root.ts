import { mkdirSync } from 'node:fs';
import { posix } from 'node:path';
import { findPlace } from '../../../foundation/archive/rooted/place.ts';
import { closeDescriptor, openat } from '../../../foundation/kernel/at.ts';
import { unshareMounts } from '../../../foundation/kernel/confine.ts';
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_PATH, O_WRONLY } from '../../../foundation/kernel/flags.ts';
import {
  bindMount,
  makePrivate,
  mountOverlay,
  mountTmpfs,
  setMountAttributes,
} from '../../../foundation/kernel/mount.ts';
import { type Root, rootAt } from '../../../foundation/kernel/rooted.ts';
import { isDirectory, statDescriptor } from '../../../foundation/kernel/stat.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { LayeredRoot, PlannedMount } from './protocol.ts';

/**
 * Mounts a stopped container's files in a mount namespace of this process alone, so that nothing is left behind whatever dies. Where nothing is to be changed
 * the container's own layer is only the topmost read-only one, under a scratch layer in memory that takes missing mount points: its upper and work folders
 * are not touched, and a start meanwhile is not disturbed. For the helper: it changes the process for good.
 */
export function mountPrivately(plan: LayeredRoot, emptyDirectory: string): Root {
  unshareMounts();
  makePrivate('/', { recursive: true });
  mountTmpfs({ target: emptyDirectory, sizeBytes: 64 << 20, mode: 0o700 });
  const at = (name: string): string => `${emptyDirectory}/${name}`;
  for (const name of ['root', 'upper', 'work']) mkdirSync(at(name), { mode: 0o755 });
  if (plan.work === undefined)
    mountOverlay({
      lower: [plan.upper, ...plan.lower],
      upper: at('upper'),
      work: at('work'),
      target: at('root'),
    });
  else mountOverlay({ lower: plan.lower, upper: plan.upper, work: plan.work, target: at('root') });
  const root = rootAt(openat(AT_FDCWD, at('root'), O_PATH | O_DIRECTORY));
  for (const [index, mount] of plan.mounts.entries())
    place(root, mount.layers ? { ...mount, source: viewOf(mount.layers, at(`image-${index}`)) } : mount);
  // After the mount points: the kernel keeps the promise also where a link leads out of a volume that may be written.
  if (plan.readOnly) setMountAttributes(root.fd, { readOnly: true });
  return root;
}

/** An image's layers as one folder. */
function viewOf(layers: readonly string[], target: string): string {
  const nothing = [`${target}-nothing`, `${target}-empty`];
  for (const folder of [target, ...nothing]) mkdirSync(folder, { mode: 0o755 });
  mountOverlay({ lower: [...layers, ...nothing], target, readOnly: true });
  return target;
}

/** The target is fixed by a descriptor before anything is mounted there: whatever is renamed, the mount cannot land outside (CVE-2026-41568). */
function place(root: Root, mount: PlannedMount): void {
  using opened = new DisposableStack();
  const keep = (fd: number): number => {
    opened.defer(() => closeDescriptor(fd));
    return fd;
  };
  const base = keep(openat(AT_FDCWD, mount.source, O_PATH));
  const source = mount.subpath === undefined ? base : keep(openInside(mount.source, mount.subpath));
  // Links of the image are followed inside, also to what is not there yet.
  const destination = Buffer.from(
    findPlace(root, Buffer.from(mount.destination).toString('latin1')),
    'latin1',
  ).toString();
  if (isDirectory(statDescriptor(source))) root.mkdirAll(destination);
  else makeFile(root, destination);
  bindMount({
    source,
    target: keep(root.open(destination, O_PATH)),
    recursive: mount.recursive,
    ...(mount.readOnly ? { attributes: { readOnly: true } } : {}),
  });
}

function openInside(source: string, subpath: string): number {
  using inside = rootAt(openat(AT_FDCWD, source, O_PATH | O_DIRECTORY));
  return inside.open(subpath, O_PATH);
}

function makeFile(root: Root, path: string): void {
  try {
    closeDescriptor(root.open(path, O_PATH));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    root.mkdirAll(posix.dirname(path));
    closeDescriptor(root.open(path, O_WRONLY | O_CREAT, 0o644));
  }
}
