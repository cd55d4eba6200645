import type { Engine } from '../../../../engine/host/engine.ts';
import { answered, type Route } from '../../call.ts';

/** The archive as it is made; a failure on the way can only cut the connection. */
export function exportContainer(engine: { changes: Pick<Engine['changes'], 'export'> }): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/export',
    async handle(call) {
      const { exchange } = call;
      const archive = await engine.changes.export(call.param('id'), { signal: exchange.signal });
      const output = exchange.stream(200, 'application/octet-stream');
      try {
        for await (const chunk of archive) if (!output.write(chunk as Buffer)) await output.drained();
      } catch (error) {
        exchange.destroy();
        throw error;
      }
      output.end();
      return answered;
    },
  };
}
