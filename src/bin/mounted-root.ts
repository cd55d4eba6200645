import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chrootInto } from '../foundation/kernel/confine.ts';
import { isMountPoint } from '../foundation/kernel/mount-info.ts';
import { bindMount, makePrivate } from '../foundation/kernel/mount.ts';

/**
 * In a plain chroot the root directory is no mount point, and every OCI runtime fails to change the propagation of `/`. Then the whole tree
 * is bound below the exec root and becomes the root of this process: the same files under the same paths, and a mount point. A daemon that
 * starts later finds the bound tree with the mounts of its containers and takes it over. Call it first: it changes the root of all threads.
 */
export function ensureMountedRoot(execRoot: string): void {
  if (isMountPoint('/')) return;
  const target = join(execRoot, 'root');
  mkdirSync(execRoot, { recursive: true, mode: 0o710 });
  mkdirSync(target, { recursive: true, mode: 0o700 });
  if (!isMountPoint(target)) {
    bindMount({ source: '/', target, recursive: true });
    makePrivate(target, { recursive: true });
  }
  const folder = process.cwd();
  chrootInto(target);
  process.chdir(folder);
}
