import { applyCgroupLimits } from '../../../foundation/kernel/cgroup-limits.ts';
import { cgroupHost } from '../../../foundation/kernel/cgroup.ts';
import { withDeadline } from '../../../foundation/base/deadline.ts';
import type { LiveLimits } from '../runtime.ts';
import { getTracked } from './containers.ts';
import type { Context } from './context.ts';

/** Writes the control files without the runtime: a process less, and either all of the limits hold or none has changed. */
export function createLiveLimits(context: Context): LiveLimits {
  const host = cgroupHost();
  return {
    async set(id, resources) {
      const { record } = getTracked(context, id);
      const work = applyCgroupLimits(host, record.cgroupsPath, resources);
      await withDeadline(work, context.deadlineMs, 'changing the limits of a container');
    },
  };
}
