import { isKind, toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';
import { createPause, createResume } from '../life/pause.ts';
import { next } from '../state.ts';

/**
 * Freezes a running container until it is disposed (more than once is fine). The record says beforehand who froze it, so that a commit that dies does
 * not leave it frozen. One that the user paused stays paused.
 */
export async function freezeForCommit(
  context: Context,
  { id, state }: ContainerRecord,
  isWanted: boolean,
): Promise<AsyncDisposable> {
  if (!isWanted || state.status !== 'running') return { [Symbol.asyncDispose]: () => Promise.resolve() };
  context.store.updateRunning(id, { frozenForCommit: true });
  let thawed: Promise<void> | undefined;
  const thaw = async (): Promise<void> => {
    try {
      await createResume(context)(id);
    } catch (error) {
      // It was unpaused by hand, it ended, it is gone.
      if (!isKind(error, 'conflict') && !isKind(error, 'not-found')) throw error;
    } finally {
      if (context.store.find(id)) context.store.updateRunning(id, { frozenForCommit: false });
    }
  };
  const frozen = { [Symbol.asyncDispose]: () => (thawed ??= thaw()) };
  try {
    await createPause(context)(id);
  } catch (error) {
    await frozen[Symbol.asyncDispose]();
    throw error;
  }
  faultPoint('container.commit.frozen');
  return frozen;
}

/** At the start of the engine: nobody will finish the commits of the last one. */
export async function thawAfterCommits(context: Context): Promise<void> {
  for (const record of context.store.active().filter(({ frozenForCommit }) => frozenForCommit)) {
    const { id, state } = record;
    if (state.status === 'running' || state.status === 'paused')
      await context.driver.freezer?.resume(id).catch((error: unknown) => {
        // Frozen or not, the runtime did not say; one that is not frozen cannot be resumed.
        context.log.debug(`thawing container ${id} after a commit: ${toSiloError(error).message}`);
      });
    context.store.updateRunning(id, {
      frozenForCommit: false,
      ...(state.status === 'paused' ? { state: next(state, { type: 'resumed' }) } : {}),
    });
    context.health.watch(id, { recovered: true });
  }
}
