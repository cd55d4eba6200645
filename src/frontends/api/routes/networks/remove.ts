import type { Engine } from '../../../../engine/host/engine.ts';
import { forbidden } from '../../../../foundation/base/errors.ts';
import { noContent, type Route } from '../../call.ts';
import { isPredefined } from './list.ts';

export function removeNetwork(engine: { networks: Pick<Engine['networks'], 'get' | 'remove'> }): Route {
  return {
    method: 'DELETE',
    path: '/networks/{id}',
    async handle(call) {
      const network = engine.networks.get(call.param('id'));
      if (isPredefined(network))
        throw forbidden(`${network.name} is a pre-defined network and cannot be removed`, {
          code: 'predefined-network',
        });
      await engine.networks.remove(network.id);
      return noContent;
    },
  };
}
