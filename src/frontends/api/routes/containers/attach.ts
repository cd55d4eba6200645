import type { AttachRequest } from '../../../../engine/container/container.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import type { Route } from '../../call.ts';
import { detachKeysFor } from '../../input/exec-request.ts';
import { queryFlag } from '../../input/query.ts';
import { createHijackedStreams } from '../../output/hijacked-streams.ts';
import { defined } from '../../translate/refuse.ts';
import { attachUntilEnd } from './attach-until-end.ts';

/** Parks or connects; the head goes out when no output can be missed any more. */
export function attachContainer(engine: {
  containers: Pick<Engine['containers'], 'get'>;
  streams: Pick<Engine['streams'], 'attach'>;
}): Route {
  return {
    method: 'POST',
    path: '/containers/{id}/attach',
    async handle(call) {
      const { query, exchange, minor } = call;
      const { id, config } = engine.containers.get(call.param('id'));
      const stdin = queryFlag(query, 'stdin');
      const streams = createHijackedStreams(exchange, { minor, framed: !config.terminal, stdin });
      const request = defined<AttachRequest>({
        stdin: stdin ? streams.stdin : undefined,
        output: streams.sink,
        stdout: queryFlag(query, 'stdout'),
        stderr: queryFlag(query, 'stderr'),
        logs: queryFlag(query, 'logs'),
        stream: queryFlag(query, 'stream'),
        detachKeys: detachKeysFor(query.get('detachKeys'), config.terminal),
        onReady: () => void streams.open(),
        signal: exchange.signal,
      });
      return await attachUntilEnd(engine, { id, request }, { exchange, end: () => streams.end() });
    },
  };
}
