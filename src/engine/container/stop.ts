import { setTimeout as delay } from 'node:timers/promises';
import { conflict, isKind, notModified } from '../../foundation/base/errors.ts';
import { withDeadline } from '../../foundation/base/deadline.ts';
import type { ContainerLifecycle, ContainerRecord } from './container.ts';
import { type Context, publish } from './context.ts';
import { prefixed } from './prefixed.ts';
import { cancelRestart } from './restart.ts';
import { parseSignal } from './signals.ts';
import { isRunning } from './state.ts';

const defaultStopSeconds = 10;
/** How long an end may take after SIGKILL before the request gives up; the container stays as it is. */
const killDeadlineMs = 10_000;
const sigkill = 9;

export const createStop =
  (context: Context): ContainerLifecycle['stop'] =>
  async (nameOrId, options) => {
    const record = context.store.get(nameOrId);
    if (await cancelRestart(context, record.id)) return;
    if (!isRunning(record.state)) throw notModified(`container ${record.name} is not running`);
    const signal = parseSignal(options.signal ?? record.config.stopSignal ?? 'SIGTERM');
    const seconds = options.timeoutSeconds ?? record.config.stopTimeoutSeconds ?? defaultStopSeconds;
    await stopRunning(context, record, signal, seconds);
  };

async function stopRunning(
  context: Context,
  record: ContainerRecord,
  signal: number,
  seconds: number,
): Promise<void> {
  const live = context.live.of(record.id);
  const { promise: ended } = live.ended;
  live.stopRequested = true;
  try {
    await sendSignal(context, record, signal);
    const timer = new AbortController();
    const patience =
      seconds < 0
        ? new Promise<'late'>(() => undefined)
        : delay(seconds * 1000, 'late' as const, { signal: timer.signal });
    const outcome = await Promise.race([ended, patience.catch(() => undefined)]);
    timer.abort();
    if (outcome === 'late') await killAndWait(context, record, ended);
  } finally {
    live.stopRequested = false;
  }
  publish(context, context.store.find(record.id) ?? record, 'stop');
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
  if (context.store.find(record.id)?.state.status === 'paused')
    await context.driver.freezer?.resume(record.id);
}

export const createKill =
  (context: Context): ContainerLifecycle['kill'] =>
  async (nameOrId, signalText) => {
    try {
      const signal = parseSignal(signalText === '' ? 'KILL' : signalText);
      const record = context.store.get(nameOrId);
      if (!isRunning(record.state) && !(await cancelRestart(context, record.id)))
        throw conflict(`container ${record.id} is not running`, { code: 'not-running' });
      await sendSignal(context, record, signal);
    } catch (error) {
      throw prefixed(`cannot kill container: ${nameOrId}`, error);
    }
  };
