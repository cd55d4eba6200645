import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { queryTerminalSize } from '../../input/terminal-size.ts';

export function resizeContainer(engine: { streams: Pick<Engine['streams'], 'resize'> }): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/resize',
    async handle(call) {
      const size = queryTerminalSize(call.query);
      await engine.streams.resize(call.param('id'), size);
      return ok(undefined);
    },
  };
}
