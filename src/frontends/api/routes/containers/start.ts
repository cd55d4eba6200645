import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { readBody } from '../../../../foundation/http/body.ts';
import { noContent, type Route } from '../../call.ts';
import { queryText } from '../../input/query.ts';
import { refused } from '../../translate/refuse.ts';

const bodyLimitBytes = 64 * 1024;

export function startContainer(engine: { containers: Pick<Engine['containers'], 'start'> }): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/start',
    async handle(call) {
      if (queryText(call.query, 'checkpoint') !== undefined) throw refused('starting from a checkpoint');
      const body = await readBody(call.exchange, bodyLimitBytes);
      // Some clients send `{}` or `null` where they mean nothing.
      if (!['', '{}', 'null'].includes(body.toString('latin1').trim()))
        throw invalid(
          'starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24',
          { code: 'start-with-body' },
        );
      await engine.containers.start(call.param('id'));
      return noContent;
    },
  };
}
