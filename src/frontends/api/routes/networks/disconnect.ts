import type { Engine } from '../../../../engine/host/engine.ts';
import { done, type Route } from '../../call.ts';
import { networkDisconnectBody } from '../../input/container-bodies.ts';
import { readJson } from '../../input/json-body.ts';

export function disconnectNetwork(engine: { networks: Pick<Engine['networks'], 'disconnect'> }): Route {
  return {
    method: 'POST',
    path: '/networks/{id}/disconnect',
    async handle(call) {
      const { Container, Force } = await readJson(call, networkDisconnectBody);
      await engine.networks.disconnect(call.param('id'), Container ?? '', { force: Force ?? false });
      return done;
    },
  };
}
