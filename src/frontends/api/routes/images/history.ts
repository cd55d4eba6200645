import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { queryPlatform } from '../../input/platform-query.ts';
import { toImageHistory } from '../../translate/image-json.ts';

export function historyOfImage(engine: { images: Pick<Engine['images'], 'history'> }): Route {
  return {
    method: 'GET',
    path: '/images/{name:.*}/history',
    async handle(call) {
      const platform = queryPlatform(call.query);
      return ok((await engine.images.history(call.param('name'), platform)).map(toImageHistory));
    },
  };
}
