import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';

/** Ours: what `system/df` has no place for, such as the space that is no object's. */
export function showDisk(engine: { disk: Pick<Engine['disk'], 'usage'> }): Route {
  return {
    method: 'GET',
    path: '/silo/disk',
    handle: async () => ok(await engine.disk.usage()),
  };
}
