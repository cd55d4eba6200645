import type { Engine } from '../../../../../engine/host/engine.ts';
import type { Route } from '../../../call.ts';
import { archivePath, encodePathStat, pathStatHeader } from './path-stat.ts';

export function statContainerPath(engine: { files: Pick<Engine['files'], 'stat'> }): Route {
  return {
    method: 'HEAD',
    path: '/containers/{id}/archive',
    async handle(call) {
      const { exchange, query } = call;
      const stat = await engine.files.stat(call.param('id'), archivePath(query));
      exchange.setHeader(pathStatHeader, encodePathStat(stat));
      return { status: 200 };
    },
  };
}
