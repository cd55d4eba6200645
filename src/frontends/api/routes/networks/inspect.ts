import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { toNetworkJson } from '../../translate/network-json.ts';

export function inspectNetwork(engine: { networks: Pick<Engine['networks'], 'get' | 'members'> }): Route {
  return {
    method: 'GET',
    path: '/networks/{id}',
    async handle(call) {
      const network = engine.networks.get(call.param('id'));
      return ok(toNetworkJson(network, engine.networks.members(network.id), call.minor));
    },
  };
}
