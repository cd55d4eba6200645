import { totalmem } from 'node:os';
import { unsupported } from '../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { createSingleFlight } from '../../../foundation/base/single-flight.ts';
import { readHostCpu } from '../../../foundation/kernel/cgroup-usage.ts';
import type { UsageReader } from '../../../resources/runtime/runtime.ts';
import type { Context } from '../context.ts';
import { isRunning } from '../state.ts';
import { createSampler, type Sampler } from './sampler.ts';
import type { ContainerStats, StatsSample } from './stats.ts';

/** How many containers are read before others get their turn: about two milliseconds. */
const readsPerTurn = 8;

export function createStats(
  context: Pick<Context, 'store' | 'driver' | 'events' | 'now'>,
): ContainerStats & Disposable {
  const { store, driver, events, now } = context;
  const samplers = new Map<ContainerId, Sampler>();

  const reader = (): UsageReader => {
    if (driver.usage) return driver.usage;
    throw unsupported(`the runtime ${driver.name} cannot tell what its containers use`);
  };

  const take = async (
    id: ContainerId,
    host: StatsSample['host'] = readHost(),
  ): Promise<StatsSample | undefined> => {
    const record = store.find(id);
    if (!record || !isRunning(record.state)) return undefined;
    const atMs = now();
    const usage = await reader().read(id);
    return usage && { ...usage, atMs, host };
  };

  const samplerOf = (id: ContainerId): Sampler => {
    let sampler = samplers.get(id);
    if (!sampler) {
      sampler = createSampler({
        take: () => take(id),
        isGone: () => !store.has(id),
        onIdle: () => samplers.delete(id),
      });
      samplers.set(id, sampler);
    }
    return sampler;
  };

  const removals = events.subscribe((event) => {
    if (event.type === 'container' && event.action === 'destroy')
      samplers.get(event.id as ContainerId)?.end();
  });

  const sampleAll = async (): Promise<ReadonlyMap<ContainerId, StatsSample>> => {
    const running = store.active().filter(({ state }) => isRunning(state));
    const samples = new Map<ContainerId, StatsSample>();
    if (running.length === 0) return samples;
    const host = readHost();
    for (const [index, { id }] of running.entries()) {
      const sample = await take(id, host);
      if (sample) samples.set(id, sample);
      if (index % readsPerTurn === readsPerTurn - 1) await nextTurn();
    }
    return samples;
  };
  const scrapes = createSingleFlight<ReadonlyMap<ContainerId, StatsSample>>();

  return {
    sample: async (nameOrId) => take(store.get(nameOrId).id),
    watch(nameOrId, { signal } = {}) {
      const { id } = store.get(nameOrId);
      reader();
      return samplerOf(id).watch(signal);
    },
    sampleAll: () => scrapes.run('all', sampleAll),
    [Symbol.dispose]() {
      removals[Symbol.dispose]();
      for (const sampler of samplers.values()) sampler.end();
    },
  };
}

function readHost(): StatsSample['host'] {
  const cpu = readHostCpu();
  return { cpuNs: cpu.totalNs, cpus: cpu.online, memoryBytes: totalmem() };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
