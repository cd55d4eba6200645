import { lstatSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountOverlay, unmount } from '../../../foundation/kernel/mount.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import { getXattr, setXattr } from '../../../foundation/kernel/xattr.ts';
import type { Findings, Subject } from './finding.ts';
import { nearestExisting, openScratch } from './scratch.ts';

/** Mounts overlayfs on the file system of the data root and uses what containers use of it. */
export async function checkOverlay({ dataRoot }: Pick<Subject, 'dataRoot'>): Promise<Findings> {
  const place = nearestExisting(dataRoot);
  try {
    await using scratch = await openScratch(dataRoot);
    const missing = probe(scratch.path);
    if (missing.length === 0)
      return [
        {
          status: 'ok',
          title: `overlayfs works on the file system of ${place}`,
          why: 'Mounting, extended attributes, whiteouts and opaque folders were tried.',
        },
      ];
    return [
      {
        status: 'problem',
        title: `overlayfs on ${place} lacks: ${missing.join(', ')}`,
        why: 'Containers share the layers of their image; deleting and replacing files in them depends on these.',
        fix: [`silo daemon --data-root DIR # a folder on ext4, xfs or btrfs instead of ${place}`],
      },
    ];
  } catch (error) {
    const absent = isErrno(error, 'ENODEV');
    return [
      {
        status: 'problem',
        title: absent ? 'This kernel has no overlayfs' : `overlayfs cannot be mounted on ${place}`,
        why: `Containers share the layers of their image through it. ${error instanceof Error ? error.message : String(error)}`,
        fix: [
          absent
            ? 'modprobe overlay'
            : `silo daemon --data-root DIR # a folder on ext4, xfs or btrfs; overlayfs cannot stand on overlay, NFS or FUSE`,
        ],
      },
    ];
  }
}

/** What does not work, in words. */
function probe(scratch: string): string[] {
  const at = (name: string): string => join(scratch, name);
  for (const name of ['lower', 'lower/folder', 'init', 'upper', 'work', 'merged']) mkdirSync(at(name));
  for (const name of ['lower/file', 'lower/folder/below']) writeFileSync(at(name), 'x');
  mountOverlay({
    lower: [at('init'), at('lower')],
    upper: at('upper'),
    work: at('work'),
    target: at('merged'),
  });
  try {
    rmSync(at('merged/file'));
    rmSync(at('merged/folder/below'));
    rmdirSync(at('merged/folder'));
    mkdirSync(at('merged/folder'));
    writeFileSync(at('merged/new'), '');
    setXattr(at('merged/new'), 'user.silo', Buffer.from('1'));
    return [
      ...(isWhiteout(at('upper/file')) ? [] : ['whiteouts']),
      ...(getXattr(at('upper/folder'), 'trusted.overlay.opaque') ? [] : ['opaque folders']),
      ...(getXattr(at('upper/new'), 'user.silo') ? [] : ['extended attributes']),
    ];
  } finally {
    unmount(at('merged'), { detach: true });
  }
}

/** A character device 0:0 (filesystems/overlayfs of the kernel's documentation). */
function isWhiteout(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isCharacterDevice() === true && stat.rdev === 0;
}
