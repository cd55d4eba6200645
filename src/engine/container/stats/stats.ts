import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { ContainerUsage } from '../../../resources/runtime/runtime.ts';

/**
 * What containers use, from the kernel's counters alone: no process is started, no lock is taken, and nothing is read while nobody asks. Kind
 * `unsupported` when the runtime driver cannot tell.
 */
export interface ContainerStats {
  /** One sample now; `undefined` when it does not run. Not-found as `get` of the containers. */
  sample(nameOrId: string): Promise<StatsSample | undefined>;
  /**
   * A sample now and one each second (`undefined` while it does not run) until the container is removed or the signal aborts. All watchers of a container
   * share its samples. A watcher that is slow misses samples; it never gets them late.
   */
  watch(nameOrId: string, options?: { signal?: AbortSignal }): AsyncIterable<StatsSample | undefined>;
  /** One sample of each running container; lets others run in between. */
  sampleAll(): Promise<ReadonlyMap<ContainerId, StatsSample>>;
}

export interface StatsSample extends ContainerUsage {
  atMs: number;
  /** Of the whole machine, for percentages. */
  host: {
    /** Time of all processors since boot, idle time included. */
    cpuNs: number;
    cpus: number;
    memoryBytes: number;
  };
}
