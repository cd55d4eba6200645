import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { type BuildVersion, toVersionJson } from '../../translate/system-json.ts';

export function showVersion(engine: Pick<Engine, 'host'>, build: BuildVersion): Route {
  return {
    method: 'GET',
    path: '/version',
    handle: async () => ok(toVersionJson(engine.host, build)),
  };
}
