import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { toContainerInspect } from '../../translate/container-inspect.ts';

export function inspectContainer(engine: {
  containers: Pick<Engine['containers'], 'get' | 'networkOf'>;
  host: Pick<Engine['host'], 'cgroupVersion' | 'defaultRuntime'>;
}): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/json',
    async handle(call) {
      const record = engine.containers.get(call.param('id'));
      return ok(
        toContainerInspect(record, { network: engine.containers.networkOf(record.id), host: engine.host }),
      );
    },
  };
}
