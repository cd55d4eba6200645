import {
  chmodSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { faultPoint } from '../../foundation/base/fault.ts';
import type { Trash } from './trash.ts';

/*
 * The init layer: topmost lower layer of every container. Whatever an image has at these paths (a symbolic link `/dev`, a FIFO
 * `/etc/hosts`), the runtime finds real folders and empty regular files to mount on. Runtimes older than the fixes of
 * CVE-2026-47766 follow an image's `/dev` on the host; Docker has such a layer too.
 *
 * Its folders give their attributes to the merged ones. `/` is no matter (the upper folder has the image's), `/etc` and the
 * others are 0755 and root's, as in every distribution.
 */

/** Raised when the contents change: containers that are mounted go on using the old one. */
const initLayerVersion = 2;

const folders = ['dev', 'dev/pts', 'dev/shm', 'etc', 'proc', 'sys'];
const files = ['dev/console', 'etc/hostname', 'etc/hosts', 'etc/resolv.conf'];
/** What asks for the mount table by its old name; images rarely bring it. */
const links = { 'etc/mtab': '/proc/mounts' };

/** Makes the layer if it is not there and returns its folder. The same contents everywhere: modes fixed, times zero. */
export async function ensureInitLayer(root: string, trash: Trash): Promise<string> {
  const place = join(root, `init-${initLayerVersion}`);
  const path = join(place, 'fs');
  if (existsSync(path)) return path;
  const staging = join(root, '.staging-init');
  await trash.discard(staging);
  fill(join(staging, 'fs'));
  chmodSync(staging, 0o700);
  faultPoint('snapshot.init.filled');
  renameSync(staging, place);
  return path;
}

function fill(path: string): void {
  const made = [path, ...folders.map((name) => join(path, name))];
  for (const folder of made) mkdirSync(folder, { recursive: true });
  for (const name of files) {
    const file = join(path, name);
    writeFileSync(file, '');
    chmodSync(file, 0o644);
    utimesSync(file, 0, 0);
  }
  for (const [name, target] of Object.entries(links)) {
    symlinkSync(target, join(path, name));
    lutimesSync(join(path, name), 0, 0);
  }
  // Deepest first: making an entry changes its folder's time.
  for (const folder of made.toReversed()) {
    chmodSync(folder, 0o755);
    utimesSync(folder, 0, 0);
  }
}
