import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { queryFlag, queryText } from '../../input/query.ts';
import { toImageDelete } from '../../translate/image-json.ts';
import { refuseUnless } from '../../translate/refuse.ts';

export function removeImage(engine: { images: Pick<Engine['images'], 'remove'> }): Route {
  return {
    method: 'DELETE',
    path: '/images/{name:.*}',
    async handle(call) {
      refuseUnless(queryText(call.query, 'platforms') === undefined, 'the parameter platforms');
      const removed = await engine.images.remove(call.param('name'), {
        force: queryFlag(call.query, 'force'),
        prune: !queryFlag(call.query, 'noprune'),
      });
      return ok(removed.map(toImageDelete));
    },
  };
}
