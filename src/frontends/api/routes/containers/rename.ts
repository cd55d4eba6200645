import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { noContent, type Route } from '../../call.ts';
import { queryText } from '../../input/query.ts';

export function renameContainer(engine: { containers: Pick<Engine['containers'], 'rename'> }): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/rename',
    async handle(call) {
      const name = queryText(call.query, 'name');
      if (name === undefined) throw invalid('Neither old nor new names may be empty', { code: 'no-name' });
      await engine.containers.rename(call.param('id'), name);
      return noContent;
    },
  };
}
