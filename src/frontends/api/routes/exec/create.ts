import type { Engine } from '../../../../engine/host/engine.ts';
import type { IdResponse } from '../../../../foundation/wire/docker/exec.ts';
import { created, type Route } from '../../call.ts';
import { execCreateBody } from '../../input/container-bodies.ts';
import { toExecRequest } from '../../input/exec-request.ts';
import { readJson } from '../../input/json-body.ts';

export function createExec(engine: { execs: Pick<Engine['execs'], 'create'> }): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/exec',
    async handle(call) {
      const request = toExecRequest(await readJson(call, execCreateBody));
      return created({ Id: await engine.execs.create(call.param('id'), request) } satisfies IdResponse);
    },
  };
}
