import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { ContainerLifecycle, ContainerRecord } from '../container.ts';
import { isKind, toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import { type Context, publish } from '../context.ts';
import { settleWaiters } from './wait.ts';
import { nextDelayMs } from './restart-policy.ts';

/** Starts the container again after the back-off. `ranForMs` is how long the run lasted that ended: 0 for an attempt that failed. */
export function scheduleRestart(
  context: Context,
  record: ContainerRecord,
  ranForMs: number,
  start: (id: ContainerId) => Promise<void>,
): void {
  const live = context.live.of(record.id);
  clearTimeout(live.restartTimer);
  live.restartDelayMs = nextDelayMs(live.restartDelayMs, ranForMs);
  live.restartTimer = setTimeout(() => {
    delete live.restartTimer;
    faultPoint('container.restart.due');
    start(record.id).catch((error: unknown) => {
      // Its user was faster.
      if (isKind(error, 'not-modified') || isKind(error, 'not-found')) return;
      context.log.warn(`restart of container ${record.name} failed: ${toSiloError(error).message}`);
    });
  }, live.restartDelayMs);
}

/**
 * Whether a restart was pending: then the container has ended, as its user wishes. An attempt that is under way is waited for, and when it succeeded
 * nothing is pending.
 */
export async function cancelRestart(context: Context, id: ContainerId): Promise<boolean> {
  if (context.store.find(id)?.state.status !== 'restarting') return false;
  return context.locks.run(id, async () => {
    const live = context.live.of(id);
    const record = context.store.find(id);
    if (record?.state.status !== 'restarting') return false;
    clearTimeout(live.restartTimer);
    delete live.restartTimer;
    live.restartDelayMs = 0;
    const { status: _, ...end } = record.state;
    const ended = context.store.update(id, { state: { status: 'exited', ...end, stoppedByUser: true } });
    faultPoint('container.restart.canceled');
    settleWaiters(context, ended, ['not-running', 'next-exit'], { exitCode: end.exitCode });
    return true;
  });
}

export const createRestart =
  (context: Context, verbs: Pick<ContainerLifecycle, 'start' | 'stop'>): ContainerLifecycle['restart'] =>
  async (nameOrId, options) => {
    const { id } = context.store.get(nameOrId);
    const live = context.live.of(id);
    // `--rm` is for the end of its life, which this is not.
    live.restartsUnderWay++;
    try {
      await stopIfRunning(verbs, id, options);
      await verbs.start(id);
    } finally {
      live.restartsUnderWay--;
    }
    // One that goes with its end may have done so already.
    const restarted = context.store.find(id);
    if (restarted) publish(context, restarted, 'restart');
  };

async function stopIfRunning(
  verbs: Pick<ContainerLifecycle, 'stop'>,
  id: ContainerId,
  options: Parameters<ContainerLifecycle['stop']>[1],
): Promise<void> {
  try {
    await verbs.stop(id, options);
  } catch (error) {
    if (!isKind(error, 'not-modified')) throw error;
  }
}
