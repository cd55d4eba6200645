import type { Engine } from '../../../../engine/host/engine.ts';
import { noContent, type Route } from '../../call.ts';
import { queryFlag } from '../../input/query.ts';
import { refused } from '../../translate/refuse.ts';

export function removeContainer(engine: { containers: Pick<Engine['containers'], 'remove'> }): Route {
  return {
    method: 'DELETE',
    path: '/containers/{id}',
    async handle(call) {
      if (queryFlag(call.query, 'link')) throw refused('removing a link');
      await engine.containers.remove(call.param('id'), {
        force: queryFlag(call.query, 'force'),
        volumes: queryFlag(call.query, 'v'),
      });
      return noContent;
    },
  };
}
