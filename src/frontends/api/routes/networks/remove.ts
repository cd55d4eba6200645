import type { Engine } from '../../../../engine/host/engine.ts';
import { noContent, type Route } from '../../call.ts';

export function removeNetwork(engine: { networks: Pick<Engine['networks'], 'remove'> }): Route {
  return {
    method: 'DELETE',
    path: '/networks/{id}',
    async handle(call) {
      await engine.networks.remove(call.param('id'));
      return noContent;
    },
  };
}
