import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { cgroupHost } from '../../../foundation/kernel/cgroup.ts';

/**
 * What a container needs to divide its own control group: the folder, and the files that move processes and hand controllers down
 * (/sys/kernel/cgroup/delegate, cgroups(7)). The limits stay the host's.
 */
const filesOf = {
  1: ['cgroup.procs', 'tasks', 'cgroup.clone_children'],
  2: ['cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control', 'memory.oom.group', 'memory.reclaim'],
};

/** Gives them to the container's root, who is somebody else on the host. Before its first process runs. */
export async function delegateCgroup(
  cgroupsPath: string,
  root: { uid: number; gid: number },
  version: 1 | 2,
): Promise<void> {
  const { unified, hierarchies } = cgroupHost();
  const base = version === 2 ? unified : hierarchies.get('name=systemd');
  if (base === undefined) return;
  const folder = join(base, cgroupsPath);
  for (const path of [folder, ...filesOf[version].map((name) => join(folder, name))])
    await chown(path, root.uid, root.gid).catch((error: NodeJS.ErrnoException) => {
      // Which there are depends on the kernel and its controllers.
      if (error.code !== 'ENOENT') throw error;
    });
}
