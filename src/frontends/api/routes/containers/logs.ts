import type { LogsRequest } from '../../../../engine/container/container.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import { answered, type Route } from '../../call.ts';
import { queryFlag, queryTimeMs } from '../../input/query.ts';
import { streamType } from '../../output/hijacked-streams.ts';
import { encodeLogBatch } from '../../output/log-frames.ts';
import { logAttributes } from '../../translate/log-attributes.ts';
import { defined } from '../../translate/refuse.ts';

/** The log as a stream, framed unless the container has a terminal. */
export function readContainerLogs(engine: {
  containers: Pick<Engine['containers'], 'get'>;
  streams: Pick<Engine['streams'], 'logs'>;
}): Route {
  return {
    method: 'GET',
    path: '/containers/{id}/logs',
    async handle(call) {
      const { query, exchange } = call;
      const request = toLogsRequest(query, exchange.signal);
      const record = engine.containers.get(call.param('id'));
      const framing = {
        framed: !record.config.terminal,
        timestamps: queryFlag(query, 'timestamps'),
        unfinished: new Set<string>(),
        ...(queryFlag(query, 'details') ? { details: Buffer.from(`${logAttributes(record.config)} `) } : {}),
      };
      const batches = engine.streams.logs(record.id, request);
      const output = exchange.stream(200, streamType(call.minor, framing.framed));
      for await (const batch of batches)
        if (!output.write(encodeLogBatch(batch, framing))) await output.drained();
      output.end();
      return answered;
    },
  };
}

function toLogsRequest(query: URLSearchParams, signal: AbortSignal): LogsRequest {
  const stdout = queryFlag(query, 'stdout');
  const stderr = queryFlag(query, 'stderr');
  if (!stdout && !stderr)
    throw invalid('Bad parameters: you must choose at least one stream', { code: 'no-stream' });
  return defined<LogsRequest>({
    stdout,
    stderr,
    follow: queryFlag(query, 'follow'),
    tail: parseTail(query.get('tail') ?? ''),
    sinceMs: queryTimeMs(query, 'since'),
    untilMs: queryTimeMs(query, 'until'),
    signal,
  });
}

/** Whatever is no count means all, as in Docker. */
function parseTail(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
