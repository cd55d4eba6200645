import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { createUserNamespace } from '../../../foundation/kernel/namespace.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import type { Findings } from './finding.ts';

/** As many ids as a container gets, at a place that no ordinary user has. */
export const probeMapping = [{ insideId: 0, outsideId: 200_000, count: 65_536 }];

/** Makes a user namespace with the mapping of a container. */
export function checkUserNamespaces(): Findings {
  try {
    closeDescriptor(createUserNamespace({ users: probeMapping, groups: probeMapping }));
    return [
      {
        status: 'ok',
        title: 'User namespaces can be made',
        why: "With one, root in a container is nobody on the host; made and mapped as a container's.",
      },
    ];
  } catch (error) {
    if (isErrno(error, 'EPERM')) return [inChroot];
    return [
      {
        status: 'warning',
        title: 'User namespaces cannot be made',
        why: `Without one, root in a container is the host's root, held back by capabilities and seccomp only. ${String(error)}`,
        fix: isErrno(error, 'ENOSPC')
          ? ['sysctl -w user.max_user_namespaces=16384']
          : ['look for a kernel without CONFIG_USER_NS'],
      },
    ];
  }
}

/** clone(2): EPERM for anybody whose root directory is not that of its mount namespace. */
const inChroot: Findings[number] = {
  status: 'note',
  title: 'This is a chroot, or a sandbox that forbids user namespaces',
  why: 'In a chroot containers could reach the system around it: the daemon makes its tree the root of a mount namespace of its own and works there. Mounts made outside of it later are not seen.',
  fix: ['enter the tree with pivot_root(8), systemd-nspawn or as a container instead of chroot(8)'],
};
