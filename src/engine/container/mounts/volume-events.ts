import type { ContainerRecord } from '../container.ts';
import type { Context } from '../context.ts';

/** Docker's `mount` and `unmount` of each volume, at the start and the end of a run. */
export function publishVolumeUse(
  context: Pick<Context, 'events'>,
  { id, mounts }: ContainerRecord,
  action: 'mount' | 'unmount',
): void {
  for (const { name, destination, readOnly, propagation } of mounts) {
    if (name === undefined) continue;
    const how = { destination, 'read/write': String(!readOnly), propagation };
    context.events.publish({
      type: 'volume',
      action,
      id: name,
      attributes: { driver: 'local', container: id, ...(action === 'mount' ? how : {}) },
    });
  }
}
