import { isMountPoint } from '../../../foundation/kernel/mount-info.ts';
import type { Findings } from './finding.ts';

/** OCI runtimes change the propagation of `/`, which only a mount point has (mount_namespaces(7)). */
export function checkRootDirectory(): Findings {
  return isMountPoint('/')
    ? []
    : [
        {
          status: 'note',
          title: 'The root directory is not a mount point: this is a plain chroot',
          why: 'Container runtimes refuse to work in it, so the daemon binds the tree below its exec root and works there. What is mounted outside of it later is not seen.',
          fix: ['mount --rbind FOLDER FOLDER # before chroot FOLDER'],
        },
      ];
}
