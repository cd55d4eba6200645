import type { ContainerId } from '../../foundation/base/ids.ts';
import type { ContainerLifecycle, ContainerRecord } from './container.ts';
import { isKind } from '../../foundation/base/errors.ts';
import { type Context, publish } from './context.ts';
import { settleWaiters } from './wait.ts';
import { nextDelayMs } from './restart-policy.ts';

/** Starts the container again after the back-off; called while its lock is held. */
export function scheduleRestart(
  context: Context,
  record: ContainerRecord,
  ranForMs: number,
  start: (id: ContainerId) => Promise<void>,
): void {
  const live = context.live.of(record.id);
  live.restartDelayMs = nextDelayMs(live.restartDelayMs, ranForMs);
  live.restartTimer = setTimeout(() => {
    delete live.restartTimer;
    start(record.id).catch((error: unknown) =>
      context.log.warn(`restart of container ${record.name} failed: ${String(error)}`),
    );
  }, live.restartDelayMs);
}

/** Whether a restart was pending: then the container has ended, as its user wishes. */
export async function cancelRestart(context: Context, id: ContainerId): Promise<boolean> {
  const live = context.live.of(id);
  if (live.restartTimer === undefined) return false;
  return context.locks.run(id, async () => {
    const record = context.store.find(id);
    if (live.restartTimer === undefined || record?.state.status !== 'restarting') return false;
    clearTimeout(live.restartTimer);
    delete live.restartTimer;
    live.restartDelayMs = 0;
    const { startedAtMs, finishedAtMs, exitCode, oomKilled } = record.state;
    const ended = context.store.update(id, {
      state: { status: 'exited', startedAtMs, finishedAtMs, exitCode, oomKilled, stoppedByUser: true },
    });
    settleWaiters(context, ended, ['not-running', 'next-exit'], { exitCode });
    return true;
  });
}

export const createRestart =
  (context: Context, verbs: Pick<ContainerLifecycle, 'start' | 'stop'>): ContainerLifecycle['restart'] =>
  async (nameOrId, options) => {
    const { id } = context.store.get(nameOrId);
    try {
      await verbs.stop(id, options);
    } catch (error) {
      if (!isKind(error, 'not-modified')) throw error;
    }
    await verbs.start(id);
    publish(context, context.store.get(id), 'restart');
  };
