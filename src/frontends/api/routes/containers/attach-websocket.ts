import type { AttachRequest } from '../../../../engine/container/container.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { checkWebSocketRequest } from '../../../../foundation/http/websocket.ts';
import type { Route } from '../../call.ts';
import { detachKeysFor } from '../../input/exec-request.ts';
import { queryFlag } from '../../input/query.ts';
import { createWebSocketStreams } from '../../output/websocket-streams.ts';
import { defined } from '../../translate/refuse.ts';
import { attachUntilEnd } from './attach-until-end.ts';
import { since } from '../../versions.ts';

/** The same as `attach`, over a websocket. Older clients get every stream, whatever they ask for. */
export function attachContainerByWebSocket(engine: {
  containers: Pick<Engine['containers'], 'get'>;
  streams: Pick<Engine['streams'], 'attach'>;
}): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/attach/ws',
    async handle(call) {
      const { query, exchange, minor } = call;
      const { id, config } = engine.containers.get(call.param('id'));
      checkWebSocketRequest(exchange);
      const wants = (name: string): boolean => minor < since.websocketStreams || queryFlag(query, name);
      const stdin = wants('stdin') && config.openStdin;
      const streams = createWebSocketStreams(exchange, { minor, stdin });
      const request = defined<AttachRequest>({
        stdin: stdin ? streams.stdin : undefined,
        output: streams.sink,
        stdout: wants('stdout'),
        stderr: wants('stderr'),
        logs: queryFlag(query, 'logs'),
        stream: queryFlag(query, 'stream'),
        detachKeys: detachKeysFor(query.get('detachKeys'), config.terminal),
        onReady: () => streams.open(),
        signal: streams.gone,
      });
      return await attachUntilEnd(engine, { id, request }, { exchange, end: () => streams.end() });
    },
  };
}
