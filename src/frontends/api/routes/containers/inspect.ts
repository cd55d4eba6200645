import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { queryFlag } from '../../input/query.ts';
import { toContainerInspect } from '../../translate/container-inspect.ts';

export function inspectContainer(engine: {
  containers: Pick<Engine['containers'], 'get' | 'networkOf' | 'sizeOf'>;
  host: Pick<Engine['host'], 'cgroupVersion' | 'defaultRuntime'>;
}): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/json',
    async handle(call) {
      const record = engine.containers.get(call.param('id'));
      const network = engine.containers.networkOf(record.id);
      const size = queryFlag(call.query, 'size') ? await engine.containers.sizeOf(record.id) : undefined;
      return ok(toContainerInspect(record, { network, host: engine.host, ...(size ? { size } : {}) }));
    },
  };
}
