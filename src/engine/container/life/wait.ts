import { canceled } from '../../../foundation/base/errors.ts';
import type { ContainerLifecycle, ContainerRecord, WaitCondition } from '../container.ts';
import type { Context } from '../context.ts';

/** Waits without polling; the record is looked at and the waiter registered in one synchronous step, so no end slips through. */
export const createWait =
  (context: Context): ContainerLifecycle['wait'] =>
  async (nameOrId, condition, options = {}) => {
    const record = context.store.get(nameOrId);
    const { signal } = options;
    if (condition === 'not-running' && isStopped(record)) {
      options.registered?.();
      return { exitCode: exitCodeOf(record) };
    }
    const { promise, resolve, reject } = Promise.withResolvers<{ exitCode: number; error?: string }>();
    const waiter = { condition, settle: resolve };
    const { waiters } = context.live.of(record.id);
    waiters.add(waiter);
    const onAbort = (): void => reject(canceled('the client stopped waiting'));
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    options.registered?.();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      waiters.delete(waiter);
    }
  };

/** Settles the waiters of these conditions. */
export function settleWaiters(
  context: Context,
  record: ContainerRecord,
  conditions: readonly WaitCondition[],
  outcome: { exitCode: number; error?: string },
): void {
  const { waiters } = context.live.of(record.id);
  for (const waiter of waiters) {
    if (!conditions.includes(waiter.condition)) continue;
    waiters.delete(waiter);
    waiter.settle(outcome);
  }
}

function isStopped(record: ContainerRecord): boolean {
  return (
    record.state.status === 'created' ||
    record.state.status === 'exited' ||
    record.state.status === 'removing'
  );
}

export function exitCodeOf(record: ContainerRecord): number {
  return 'exitCode' in record.state ? (record.state.exitCode ?? 0) : 0;
}
