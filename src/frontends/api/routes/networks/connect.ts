import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { done, type Route } from '../../call.ts';
import { networkConnectBody } from '../../input/container-bodies.ts';
import { readJson } from '../../input/json-body.ts';
import { toEndpointRequest } from '../../translate/network-request.ts';

export function connectNetwork(engine: { networks: Pick<Engine['networks'], 'connect'> }): Route {
  return {
    method: 'POST',
    path: '/networks/{id}/connect',
    async handle(call) {
      const { Container, EndpointConfig } = await readJson(call, networkConnectBody);
      if (!Container) throw invalid('invalid name or ID supplied: ""', { code: 'no-container-name' });
      await engine.networks.connect(call.param('id'), Container, toEndpointRequest(EndpointConfig ?? {}));
      return done;
    },
  };
}
