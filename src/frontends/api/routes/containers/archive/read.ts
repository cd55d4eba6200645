import type { Engine } from '../../../../../engine/host/engine.ts';
import { answered, type Route } from '../../../call.ts';
import { archivePath, encodePathStat, pathStatHeader } from './path-stat.ts';

/** A path of a container as a tar. A failure after the first byte cuts the connection, so that nobody takes a part for the whole. */
export function readContainerArchive(engine: { files: Pick<Engine['files'], 'read'> }): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/archive',
    async handle(call) {
      const { exchange, query } = call;
      const path = archivePath(query);
      const { stat, tar } = await engine.files.read(call.param('id'), path, { signal: exchange.signal });
      exchange.setHeader(pathStatHeader, encodePathStat(stat));
      const output = exchange.stream(200, 'application/x-tar');
      for await (const chunk of tar) if (!output.write(chunk as Buffer)) await output.drained();
      output.end();
      return answered;
    },
  };
}
