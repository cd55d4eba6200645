import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { type BuildVersion, toInfoJson } from '../../translate/system-json.ts';

export function showInfo(
  engine: {
    host: Engine['host'];
    containers: Pick<Engine['containers'], 'list'>;
    images: Pick<Engine['images'], 'list'>;
    events: Pick<Engine['events'], 'listeners'>;
    ownProcess: Engine['ownProcess'];
  },
  build: BuildVersion,
): Route {
  return {
    method: 'GET',
    path: '/info',
    async handle({ minor }) {
      const containers = engine.containers.list();
      const running = containers.filter(({ state }) => state.status === 'running').length;
      const paused = containers.filter(({ state }) => state.status === 'paused').length;
      const counts = {
        running,
        paused,
        stopped: containers.length - running - paused,
        images: engine.images.list().length,
        eventListeners: engine.events.listeners(),
        ...(await engine.ownProcess()),
        nowMs: Date.now(),
      };
      return ok(toInfoJson(engine.host, counts, { build, minor }));
    },
  };
}
