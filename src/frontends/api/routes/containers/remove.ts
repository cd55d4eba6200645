import type { Engine } from '../../../../engine/host/engine.ts';
import { noContent, type Route } from '../../call.ts';
import { queryFlag } from '../../input/query.ts';

export function removeContainer(engine: {
  containers: Pick<Engine['containers'], 'remove' | 'unlink'>;
}): Route {
  return {
    method: 'DELETE',
    // A link is CONTAINER/ALIAS.
    path: '/containers/{id:.*}',
    async handle(call) {
      if (queryFlag(call.query, 'link')) {
        await engine.containers.unlink(call.param('id'));
        return noContent;
      }
      await engine.containers.remove(call.param('id'), {
        force: queryFlag(call.query, 'force'),
        volumes: queryFlag(call.query, 'v'),
      });
      return noContent;
    },
  };
}
