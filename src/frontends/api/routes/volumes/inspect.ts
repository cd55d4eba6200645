import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { toVolumeJson } from '../../translate/volume-json.ts';

export function inspectVolume(engine: { volumes: Pick<Engine['volumes'], 'get'> }): Route {
  return {
    method: 'GET',
    path: '/volumes/{name}',
    handle: async (call) => ok(toVolumeJson(engine.volumes.get(call.param('name')))),
  };
}
