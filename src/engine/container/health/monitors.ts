import { toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { createLimiter } from '../../../foundation/base/limiter.ts';
import type { ContainerRecord } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { createExecs } from '../process/exec.ts';
import { hasTest, probeArgs } from './health-check.ts';
import { nextHealth, rulesOf, startingHealth, untilNextMs } from './health-state.ts';
import type { HealthMonitors, HealthResult } from './health.ts';
import { type ProbeRequest, runProbe } from './probe.ts';

/** Checks that are being started at the same time; how many run is not bounded. */
const launchesAtOnce = 4;
/** Share of an interval by which a check may come early, so that containers started together drift apart. */
const jitter = 0.1;

interface Watch {
  timer?: ReturnType<typeof setTimeout>;
  end: AbortController;
}

const stuckText = 'the former health check was killed and is still there, so no other is started';

/** `onUnhealthy` is called after each failed check of a container that is unhealthy: an action that did not succeed is tried again. */
export function createHealthMonitors(
  context: Context,
  deps: { onUnhealthy: (id: ContainerId) => void; random?: () => number; run?: typeof runProbe },
): HealthMonitors {
  const { random = Math.random, run = runProbe } = deps;
  const watches = new Map<ContainerId, Watch>();
  /** Containers with a check that cannot be killed (it waits for a dead share, say): a further one would only wait beside it. */
  const stuck = new Map<ContainerId, Promise<void>>();
  const tools = { execs: createExecs(context), launches: createLimiter(launchesAtOnce) };

  const unwatch = (id: ContainerId): void => {
    const watch = watches.get(id);
    watches.delete(id);
    clearTimeout(watch?.timer);
    watch?.end.abort();
  };

  const schedule = (id: ContainerId, watch: Watch, share: number): void => {
    const record = context.store.find(id);
    if (watches.get(id) !== watch || record?.state.status !== 'running') return;
    const { health, config, state } = record;
    const rules = rulesOf(config.health ?? {});
    const ms = untilNextMs(health ?? startingHealth(undefined), rules, context.now() - state.startedAtMs);
    watch.timer = setTimeout(() => void check(id, watch), Math.max(1, ms * share));
  };

  const probe = async (request: ProbeRequest): Promise<HealthResult> => {
    if (stuck.has(request.id)) {
      const nowMs = context.now();
      return { startedAtMs: nowMs, endedAtMs: nowMs, exitCode: -1, output: stuckText };
    }
    const { result, lingers } = await run(context, tools, request);
    if (!lingers) return result;
    stuck.set(request.id, lingers);
    void lingers.then(() => stuck.get(request.id) === lingers && stuck.delete(request.id));
    return result;
  };

  const check = async (id: ContainerId, watch: Watch): Promise<void> => {
    const record = context.store.find(id);
    const args = record && probeArgs(record.config.health?.test, record.config.shell);
    if (!args || record.state.status !== 'running') return;
    const { timeoutMs } = rulesOf(record.config.health ?? {});
    const result = await probe({ id, args, timeoutMs, signal: watch.end.signal });
    if (watches.get(id) !== watch) return;
    try {
      if (recordResult(context, id, result) === 'unhealthy') deps.onUnhealthy(id);
    } catch (error) {
      context.log.warn(`recording the health of container ${id}: ${toSiloError(error).message}`);
    }
    schedule(id, watch, 1 - jitter * random());
  };

  return {
    watch(id, { recovered } = { recovered: false }) {
      unwatch(id);
      stuck.delete(id);
      if (!hasTest(context.store.find(id)?.config.health)) return;
      const watch = { end: new AbortController() };
      watches.set(id, watch);
      schedule(id, watch, recovered ? random() : 1 - jitter * random());
    },
    unwatch,
    [Symbol.dispose]() {
      for (const id of watches.keys()) unwatch(id);
    },
  };
}

/** Gives the status when the check failed. */
function recordResult(
  context: Context,
  id: ContainerId,
  result: HealthResult,
): 'starting' | 'healthy' | 'unhealthy' | undefined {
  const record = context.store.find(id);
  if (record?.state.status !== 'running') return undefined;
  const before = record.health ?? startingHealth(undefined);
  const rules = rulesOf(record.config.health ?? {});
  const health = nextHealth(before, result, { rules, startedAtMs: record.state.startedAtMs });
  if (health.status === 'healthy') context.live.of(id).wasHealthy = true;
  const changed: ContainerRecord = context.store.updateRunning(id, { health });
  faultPoint('container.health.recorded');
  if (before.status !== health.status) publish(context, changed, `health_status: ${health.status}`);
  return result.exitCode === 0 ? undefined : health.status;
}
