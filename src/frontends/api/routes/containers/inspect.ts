import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { queryFlag } from '../../input/query.ts';
import { toContainerInspect } from '../../translate/container-inspect.ts';

export function inspectContainer(engine: {
  containers: Pick<Engine['containers'], 'get' | 'networkOf' | 'sizeOf'>;
  execs: Pick<Engine['execs'], 'of'>;
  host: Pick<Engine['host'], 'cgroupVersion' | 'defaultRuntime'>;
}): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/json',
    async handle(call) {
      const record = engine.containers.get(call.param('id'));
      const network = engine.containers.networkOf(record.id);
      const size = queryFlag(call.query, 'size') ? await engine.containers.sizeOf(record.id) : undefined;
      const execIds = engine.execs.of(record.id);
      return ok(
        toContainerInspect(record, { network, execIds, host: engine.host, ...(size ? { size } : {}) }),
      );
    },
  };
}
