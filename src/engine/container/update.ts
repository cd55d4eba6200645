import { unsupported } from '../../foundation/base/errors.ts';
import type { ContainerLifecycle } from './container.ts';
import { type Context, publish } from './context.ts';

export const createUpdate =
  (context: Context): ContainerLifecycle['update'] =>
  async (nameOrId, { resources, restart }) => {
    if (resources && Object.keys(resources).length > 0)
      throw unsupported('changing the limits of an existing container is not supported yet', {
        hint: 'only the restart policy can be updated: create the container anew with the limits',
      });
    const { id } = context.store.get(nameOrId);
    await context.locks.run(id, async () => {
      const record = context.store.get(id);
      if (!restart) return;
      publish(context, context.store.update(id, { config: { ...record.config, restart } }), 'update');
    });
    return { warnings: [] };
  };
