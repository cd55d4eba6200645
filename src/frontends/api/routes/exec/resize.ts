import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { queryTerminalSize } from '../../input/terminal-size.ts';

export function resizeExec(engine: { execs: Pick<Engine['execs'], 'resize'> }): Route {
  return {
    method: 'POST',
    path: '/exec/{id}/resize',
    async handle(call) {
      const size = queryTerminalSize(call.query);
      await engine.execs.resize(call.param('id'), size);
      return ok(undefined);
    },
  };
}
