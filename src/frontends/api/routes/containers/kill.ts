import type { Engine } from '../../../../engine/host/engine.ts';
import { noContent, type Route } from '../../call.ts';
import { queryText } from '../../input/query.ts';

export function killContainer(engine: { containers: Pick<Engine['containers'], 'kill'> }): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/kill',
    async handle(call) {
      await engine.containers.kill(call.param('id'), queryText(call.query, 'signal') ?? 'SIGKILL');
      return noContent;
    },
  };
}
