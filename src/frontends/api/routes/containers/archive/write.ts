import type { Engine } from '../../../../../engine/host/engine.ts';
import type { Route } from '../../../call.ts';
import { queryFlag } from '../../../input/query.ts';
import { archivePath } from './path-stat.ts';

export function writeContainerArchive(engine: { files: Pick<Engine['files'], 'write'> }): Route {
  return {
    method: 'PUT',
    path: '/containers/{id}/archive',
    async handle(call) {
      const { exchange, query } = call;
      await engine.files.write(call.param('id'), archivePath(query), exchange.body, {
        keepKinds: queryFlag(query, 'noOverwriteDirNonDir'),
        asUser: queryFlag(query, 'copyUIDGID'),
        signal: exchange.signal,
      });
      return { status: 200 };
    },
  };
}
