import { conflict, toSiloError, unsupported } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { Freezer } from '../../../resources/runtime/runtime.ts';
import type { ContainerLifecycle } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { next } from '../state.ts';

export const createPause =
  (context: Context): ContainerLifecycle['pause'] =>
  async (nameOrId) => {
    const { id } = context.store.get(nameOrId);
    await context.locks.run(id, async () => {
      const record = context.store.get(id);
      if (record.state.status === 'paused')
        throw conflict(`Container ${record.id} is already paused`, { code: 'already-paused' });
      if (record.state.status !== 'running')
        throw conflict(`container ${record.id} is not running`, { code: 'not-running' });
      context.health.unwatch(id);
      await freezerOf(context)
        .pause(id)
        .catch((error: unknown) => {
          context.health.watch(id);
          // It may end between the look at its state and the runtime's.
          if (/is not running|No such process/.test(toSiloError(error).message))
            throw conflict(`container ${id} is not running`, { code: 'not-running', cause: error });
          throw error;
        });
      faultPoint('container.pause.frozen');
      publish(context, context.store.update(id, { state: next(record.state, { type: 'paused' }) }), 'pause');
    });
  };

export const createResume =
  (context: Context): ContainerLifecycle['resume'] =>
  async (nameOrId) => {
    const { id } = context.store.get(nameOrId);
    await context.locks.run(id, async () => {
      const record = context.store.get(id);
      if (record.state.status !== 'paused')
        throw conflict(`Container ${record.id} is not paused`, { code: 'not-paused' });
      await thaw(freezerOf(context), id);
      faultPoint('container.pause.thawed');
      publish(
        context,
        context.store.update(id, { state: next(record.state, { type: 'resumed' }) }),
        'unpause',
      );
      context.health.watch(id);
    });
  };

/** One that is not frozen any more, whoever thawed it, is resumed: the runtime refuses to do it again. */
export async function thaw(freezer: Freezer, id: ContainerId): Promise<void> {
  try {
    await freezer.resume(id);
  } catch (error) {
    if (freezer.isFrozen(id)) throw error;
  }
}

function freezerOf(context: Context): Freezer {
  if (context.driver.freezer) return context.driver.freezer;
  throw unsupported(`the runtime ${context.driver.name} cannot pause containers`);
}
