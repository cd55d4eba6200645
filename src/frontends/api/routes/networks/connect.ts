import type { Engine } from '../../../../engine/host/engine.ts';
import { done, type Route } from '../../call.ts';
import { networkConnectBody } from '../../input/container-bodies.ts';
import { readJson } from '../../input/json-body.ts';
import { toEndpointRequest } from '../../translate/network-request.ts';

export function connectNetwork(engine: { networks: Pick<Engine['networks'], 'get' | 'connect'> }): Route {
  return {
    method: 'POST',
    path: '/networks/{id}/connect',
    async handle(call) {
      const { Container, EndpointConfig } = await readJson(call, networkConnectBody);
      const { name, id } = engine.networks.get(call.param('id'));
      await engine.networks.connect(id, Container ?? '', toEndpointRequest(name, EndpointConfig ?? {}));
      return done;
    },
  };
}
