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
    return [
      {
        status: 'warning',
        title: 'User namespaces cannot be made',
        why: `Without one, root in a container is the host's root, held back by capabilities and seccomp only. ${String(error)}`,
        fix: isErrno(error, 'ENOSPC')
          ? ['sysctl -w user.max_user_namespaces=16384']
          : [
              'look for a kernel without CONFIG_USER_NS, or a sandbox around this machine that forbids clone(CLONE_NEWUSER)',
            ],
      },
    ];
  }
}
