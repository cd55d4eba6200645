import type { Engine } from '../../../../engine/host/engine.ts';
import { noContent, type Route } from '../../call.ts';

export function pauseContainer(engine: { containers: Pick<Engine['containers'], 'pause'> }): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/pause',
    async handle(call) {
      await engine.containers.pause(call.param('id'));
      return noContent;
    },
  };
}
