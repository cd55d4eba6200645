import { chownSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toSiloError } from '../../../foundation/base/errors.ts';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { mountOverlay, unmount } from '../../../foundation/kernel/mount.ts';
import type { IdRange } from './area.ts';
import { idsPerContainer } from './mode.ts';
import { openOwnerShift } from './owner-shift.ts';

export interface ProbeRequest {
  /** A folder of ours on the file system of layers and containers, for a moment. */
  scratch: string;
  /** What holds the places where root file systems are mounted. */
  execRoot: string;
  area: readonly IdRange[];
}

/** Tries all that a container with ids of its own needs: why it cannot be, or undefined. Takes about a millisecond. */
export function whyNoUserNamespaces({ scratch, execRoot, area }: ProbeRequest): string | undefined {
  const first = area.find(({ count }) => count >= idsPerContainer)?.first;
  if (first === undefined) return 'no ids are left for containers: all are given to others in /etc/subuid';
  const closed = ancestors(execRoot).find((folder) => (statSync(folder).mode & 0o001) === 0);
  if (closed !== undefined)
    return `${closed}, above the folder of mounts, is closed to other users (chmod o+x ${closed} would do)`;
  try {
    return tryOut(scratch, first);
  } catch (error) {
    return `this machine cannot do it: ${toSiloError(error).message}`;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** From the folder itself up. */
function ancestors(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...ancestors(above)];
}

/** A file of root's and a new one, seen through the mount of a container. */
function tryOut(scratch: string, first: number): string | undefined {
  const at = (name: string): string => join(scratch, name);
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(at(name), { recursive: true });
  writeFileSync(at('lower/old'), '');
  using undo = new DisposableStack();
  const ids = [{ insideId: 0, outsideId: first, count: idsPerContainer }];
  const shift = undo.use(openOwnerShift({ users: ids, groups: ids }));
  const fd = shift.clone(scratch);
  undo.defer(() => closeDescriptor(fd));
  const through = (name: string): string => `/proc/self/fd/${fd}/${name}`;
  mountOverlay({
    lower: [through('lower')],
    upper: through('upper'),
    work: through('work'),
    target: at('merged'),
  });
  undo.defer(() => unmount(at('merged'), { detach: true }));
  if (statSync(at('merged/old')).uid !== first) return 'overlay mounts here do not shift owners';
  writeFileSync(at('merged/new'), '');
  chownSync(at('merged/new'), first + 1, first + 1);
  return statSync(at('upper/new')).uid === 1 ? undefined : 'overlay mounts here do not shift owners back';
}
