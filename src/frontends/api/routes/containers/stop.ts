import type { Engine } from '../../../../engine/host/engine.ts';
import { noContent, type Route } from '../../call.ts';
import { queryInteger, queryText } from '../../input/query.ts';
import { defined } from '../../translate/refuse.ts';

export function stopContainer(engine: { containers: Pick<Engine['containers'], 'stop'> }): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/stop',
    async handle(call) {
      await engine.containers.stop(call.param('id'), stopOptions(call.query));
      return noContent;
    },
  };
}

/** `t` in seconds, negative waits for ever; `signal` instead of the container's own. Also for restart. */
export function stopOptions(query: URLSearchParams): { timeoutSeconds?: number; signal?: string } {
  return defined<{ timeoutSeconds?: number; signal?: string }>({
    timeoutSeconds: queryInteger(query, 't'),
    signal: queryText(query, 'signal'),
  });
}
