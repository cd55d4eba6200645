import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { queryFlag, queryText } from '../../input/query.ts';
import { toImageInspect } from '../../translate/image-json.ts';
import { refuseUnless } from '../../translate/refuse.ts';

export function inspectImage(engine: { images: Pick<Engine['images'], 'resolve'> }): Route {
  return {
    method: 'GET',
    path: '/images/{name:.*}/json',
    async handle(call) {
      refuseUnless(!queryFlag(call.query, 'manifests'), 'the parameter manifests');
      refuseUnless(queryText(call.query, 'platform') === undefined, 'the parameter platform');
      const forCompose1 = call.exchange.headers['user-agent']?.startsWith('docker-compose/1.') ?? false;
      return ok(toImageInspect(engine.images.resolve(call.param('name')), call.minor, { forCompose1 }));
    },
  };
}
