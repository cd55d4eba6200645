import { invalid } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ContainerLifecycle } from '../container.ts';
import { type Context, publish } from '../context.ts';
import { parseContainerName } from '../create/names.ts';
import { prefixed } from '../prefixed.ts';

export const createRename =
  (context: Context): ContainerLifecycle['rename'] =>
  async (nameOrId, newName) => {
    if (newName === '') throw invalid('Neither old nor new names may be empty', { code: 'invalid-name' });
    const name = allocating(() => parseContainerName(`/${newName.replace(/^\//, '')}`));
    const { id } = context.store.get(nameOrId);
    await context.locks.run(id, async () => {
      const record = context.store.get(id);
      if (record.name === name)
        throw invalid('Renaming a container with the same name as its current name', { code: 'same-name' });
      using _reservation = allocating(() => context.store.reserveName(name, id));
      const renamed = context.store.update(id, { name });
      faultPoint('container.rename.recorded');
      await context.endpoints.rename(id, record.name, name);
      publish(context, renamed, 'rename', { oldName: `/${record.name}` });
    });
  };

function allocating<T>(take: () => T): T {
  try {
    return take();
  } catch (error) {
    throw prefixed('Error when allocating new name', error);
  }
}
