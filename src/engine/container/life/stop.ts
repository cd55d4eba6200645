import { setTimeout as delay } from 'node:timers/promises';
import { conflict, isKind, notModified } from '../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { withDeadline } from '../../../foundation/base/deadline.ts';
import type { ContainerLifecycle, ContainerRecord } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { prefixed } from '../prefixed.ts';
import { thaw } from './pause.ts';
import { cancelRestart } from './restart.ts';
import { meansEnd, parseSignal } from './signals.ts';
import { isRunning, next } from '../state.ts';
import { stopSignalOf } from './stop-signal.ts';

const defaultStopSeconds = 10;
/** How long an end may take after SIGKILL before the request gives up; the container stays as it is. */
const killDeadlineMs = 10_000;
const sigkill = 9;

export const createStop =
  (context: Context): ContainerLifecycle['stop'] =>
  async (nameOrId, options) => {
    const { id } = context.store.get(nameOrId);
    const isCanceled = await cancelRestart(context, id);
    const record = context.store.get(id);
    if (isCanceled) return publish(context, record, 'stop');
    if (!isRunning(record.state)) throw notModified(`container ${record.name} is not running`);
    const plan = stopPlan(record, options);
    rememberStop(context, record);
    await stopRunning(context, record, plan);
    publish(context, context.store.find(record.id) ?? record, 'stop');
  };

/** The same for a container that is to begin anew because it is unhealthy. */
export async function endUnhealthy(context: Context, id: ContainerId): Promise<void> {
  const record = context.store.get(id);
  if (isRunning(record.state)) await stopRunning(context, record, stopPlan(record, {}));
}

export async function killUnhealthy(context: Context, id: ContainerId): Promise<void> {
  const record = context.store.get(id);
  if (isRunning(record.state)) await killAndWait(context, record);
}

/** Written before the signal is sent: whoever finds the end, this engine or the next, must know that it was wanted. */
export function rememberStop(context: Context, { id, stopRequested }: ContainerRecord): void {
  if (stopRequested !== true) context.store.updateRunning(id, { stopRequested: true });
}

interface StopPlan {
  signal: number;
  seconds: number;
}

function stopPlan(record: ContainerRecord, options: Parameters<ContainerLifecycle['stop']>[1]): StopPlan {
  const { config, name } = record;
  return {
    signal: stopSignal(name, options.signal ?? stopSignalOf(record)),
    seconds: options.timeoutSeconds ?? config.stopTimeoutSeconds ?? defaultStopSeconds,
  };
}

function stopSignal(nameOrId: string, text: string): number {
  try {
    return parseSignal(text);
  } catch (error) {
    throw prefixed(`cannot stop container: ${nameOrId}`, error);
  }
}

async function stopRunning(
  context: Context,
  record: ContainerRecord,
  { signal, seconds }: StopPlan,
): Promise<void> {
  const { promise: ended } = context.live.of(record.id).ended;
  await sendSignal(context, record, signal);
  const timer = new AbortController();
  const patience =
    seconds < 0
      ? new Promise<'late'>(() => undefined)
      : delay(seconds * 1000, 'late' as const, { signal: timer.signal });
  const outcome = await Promise.race([ended, patience.catch(() => undefined)]);
  timer.abort();
  if (outcome === 'late') await killAndWait(context, record, ended);
}

/** SIGKILL, and returns when the end is recorded. For `stop` after its patience and for `rm -f`. */
export async function killAndWait(
  context: Context,
  record: ContainerRecord,
  ended: Promise<void> = context.live.of(record.id).ended.promise,
): Promise<void> {
  await sendSignal(context, record, sigkill);
  await withDeadline(ended, killDeadlineMs, `killing container ${record.name}`);
}

/** Signals the first process; one that has just ended is fine. A frozen container is thawed, or it would never see the signal. */
async function sendSignal(context: Context, record: ContainerRecord, signal: number): Promise<void> {
  try {
    await context.driver.containers.kill(record.id, signal);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    return;
  }
  publish(context, record, 'kill', { signal: String(signal) });
  if (context.store.find(record.id)?.state.status === 'paused' && endsRun(record, signal))
    await resumeForSignal(context, record.id);
}

async function resumeForSignal(context: Context, id: ContainerId): Promise<void> {
  const { freezer } = context.driver;
  if (freezer) await thaw(freezer, id);
  const record = context.store.find(id);
  // One that does not mind the signal runs on.
  if (record?.state.status !== 'paused') return;
  publish(
    context,
    context.store.updateRunning(id, { state: next(record.state, { type: 'resumed' }) }),
    'unpause',
  );
  context.health.watch(id);
}

/** Whether a person who sends it wants the container to end; others (SIGHUP to reload) leave the restart policy alone. */
function endsRun(record: ContainerRecord, signal: number): boolean {
  return meansEnd(signal) || signal === parseSignal(stopSignalOf(record));
}

export const createKill =
  (context: Context): ContainerLifecycle['kill'] =>
  async (nameOrId, signalText) => {
    try {
      const signal = parseSignal(signalText === '' ? 'KILL' : signalText);
      const { id } = context.store.get(nameOrId);
      if (await cancelRestart(context, id)) return;
      const record = context.store.get(id);
      if (!isRunning(record.state))
        throw conflict(`container ${record.id} is not running`, { code: 'not-running' });
      if (endsRun(record, signal)) rememberStop(context, record);
      context.live.of(id).lastSignal = signal;
      await sendSignal(context, record, signal);
    } catch (error) {
      throw prefixed(`cannot kill container: ${nameOrId}`, error);
    }
  };
