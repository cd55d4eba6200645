import type { Engine } from '../../../../engine/host/engine.ts';
import { noContent, type Route } from '../../call.ts';

export function unpauseContainer(engine: { containers: Pick<Engine['containers'], 'resume'> }): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/unpause',
    async handle(call) {
      await engine.containers.resume(call.param('id'));
      return noContent;
    },
  };
}
