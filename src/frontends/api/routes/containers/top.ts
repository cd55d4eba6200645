import type { Engine } from '../../../../engine/host/engine.ts';
import type { TopResponse } from '../../../../foundation/wire/docker/container.ts';
import { ok, type Route } from '../../call.ts';
import { queryText } from '../../input/query.ts';

export function topContainer(engine: { containers: Pick<Engine['containers'], 'top'> }): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/top',
    async handle(call) {
      const { titles, processes } = await engine.containers.top(
        call.param('id'),
        queryText(call.query, 'ps_args') ?? '-ef',
      );
      return ok({ Processes: processes, Titles: titles } satisfies TopResponse);
    },
  };
}
