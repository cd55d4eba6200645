import type { Engine } from '../../../../engine/host/engine.ts';
import type { NetworkCreateResponse } from '../../../../foundation/wire/docker/network.ts';
import { created, type Route } from '../../call.ts';
import { readJson } from '../../input/json-body.ts';
import { networkCreateBody } from '../../input/other-bodies.ts';
import { toCreateNetwork } from '../../translate/network-json.ts';

export function createNetwork(engine: { networks: Pick<Engine['networks'], 'create'> }): Route {
  return {
    method: 'POST',
    path: '/networks/create',
    async handle(call) {
      const request = toCreateNetwork(await readJson(call, networkCreateBody));
      const { id } = await engine.networks.create(request);
      return created({ Id: id, Warning: '' } satisfies NetworkCreateResponse);
    },
  };
}
