import type { Engine } from '../../../../engine/host/engine.ts';
import { noContent, type Route } from '../../call.ts';
import { queryFlag } from '../../input/query.ts';

export function removeVolume(engine: { volumes: Pick<Engine['volumes'], 'remove'> }): Route {
  return {
    method: 'DELETE',
    path: '/volumes/{name}',
    async handle(call) {
      await engine.volumes.remove(call.param('name'), { force: queryFlag(call.query, 'force') });
      return noContent;
    },
  };
}
