import type { Engine } from '../../../../engine/host/engine.ts';
import { noContent, type Route } from '../../call.ts';
import { stopOptions } from './stop.ts';

export function restartContainer(engine: { containers: Pick<Engine['containers'], 'restart'> }): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/restart',
    async handle(call) {
      await engine.containers.restart(call.param('id'), stopOptions(call.query));
      return noContent;
    },
  };
}
