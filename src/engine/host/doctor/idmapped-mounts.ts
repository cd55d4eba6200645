import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { attachMount, idmappedClone, mountOverlay, unmount } from '../../../foundation/kernel/mount.ts';
import { createUserNamespace } from '../../../foundation/kernel/namespace.ts';
import type { Findings, Subject } from './finding.ts';
import { nearestExisting, openScratch } from './scratch.ts';
import { probeMapping } from './user-namespaces.ts';

/** Shifts the owners of a folder on the file system of the data root, and puts overlayfs on top of it. */
export async function checkIdmappedMounts({ dataRoot }: Pick<Subject, 'dataRoot'>): Promise<Findings> {
  const place = nearestExisting(dataRoot);
  try {
    await using scratch = await openScratch(dataRoot);
    if (probe(scratch.path))
      return [
        {
          status: 'ok',
          title: `Mounts on ${place} can shift owners, also below overlayfs`,
          why: 'Containers in user namespaces share image layers and volumes without copies.',
        },
      ];
    return [unavailable(place, 'owners were not shifted')];
  } catch (error) {
    return [unavailable(place, error instanceof Error ? error.message : String(error))];
  }
}

function unavailable(place: string, reason: string): Findings[number] {
  return {
    status: 'note',
    title: `Mounts on ${place} cannot shift owners`,
    why: `Image layers and volumes cannot be shared with containers in user namespaces of their own. ${reason}`,
    fix: ['use ext4, xfs or btrfs and Linux 5.19 or newer for the data root'],
  };
}

/** Whether a file of user 0 belongs to the mapped user when seen through an overlay over a shifted clone. */
function probe(scratch: string): boolean {
  const at = (name: string): string => join(scratch, name);
  for (const name of ['layer', 'shifted', 'empty', 'merged']) mkdirSync(at(name));
  writeFileSync(at('layer/file'), '');
  using undo = new DisposableStack();
  const namespace = createUserNamespace({ users: probeMapping, groups: probeMapping });
  undo.defer(() => closeDescriptor(namespace));
  const clone = idmappedClone(at('layer'), namespace);
  undo.defer(() => closeDescriptor(clone));
  attachMount(clone, at('shifted'));
  undo.defer(() => unmount(at('shifted'), { detach: true }));
  mountOverlay({ lower: [at('shifted'), at('empty')], target: at('merged') });
  undo.defer(() => unmount(at('merged'), { detach: true }));
  return statSync(at('merged/file')).uid === probeMapping[0]?.outsideId;
}
