import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { queryPlatforms } from '../../input/platform-query.ts';
import { queryFlag } from '../../input/query.ts';
import { toImageDelete } from '../../translate/image-json.ts';

export function removeImage(engine: { images: Pick<Engine['images'], 'remove'> }): Route {
  return {
    method: 'DELETE',
    path: '/images/{name:.*}',
    async handle(call) {
      const removed = await engine.images.remove(call.param('name'), {
        force: queryFlag(call.query, 'force'),
        prune: !queryFlag(call.query, 'noprune'),
        platforms: queryPlatforms(call.query),
      });
      return ok(removed.map(toImageDelete));
    },
  };
}
