import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { queryText } from '../../input/query.ts';
import { toImageHistory } from '../../translate/image-json.ts';
import { refuseUnless } from '../../translate/refuse.ts';

export function historyOfImage(engine: { images: Pick<Engine['images'], 'history'> }): Route {
  return {
    method: 'GET',
    path: '/images/{name:.*}/history',
    async handle(call) {
      refuseUnless(queryText(call.query, 'platform') === undefined, 'the parameter platform');
      return ok((await engine.images.history(call.param('name'))).map(toImageHistory));
    },
  };
}
