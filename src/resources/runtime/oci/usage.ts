import { type CgroupHost, cgroupHost } from '../../../foundation/kernel/cgroup.ts';
import { readCgroupUsage } from '../../../foundation/kernel/cgroup-usage.ts';
import { readLinkCounters } from '../../../foundation/kernel/link-counters.ts';
import type { UsageReader } from '../runtime.ts';
import type { Context } from './context.ts';

/** From the container's control group and its first process's view of the network; no process is started, nothing is locked. */
export function createUsageReader(context: Pick<Context, 'containers'>): UsageReader {
  let host: CgroupHost | undefined;
  return {
    async read(id) {
      const container = context.containers.get(id);
      if (!container || container.ended) return undefined;
      const usage = readCgroupUsage((host ??= cgroupHost()), container.record.cgroupsPath);
      return usage && { ...usage, networks: readLinkCounters(container.init.pid) };
    },
  };
}
