import { type SiloError, notFound, toSiloError } from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import { internal } from '../../foundation/base/errors.ts';
import type { Exchange, HttpHandler } from '../../foundation/http/http.ts';
import { createRouter } from '../../foundation/http/router.ts';
import type { Answer, ApiCall, Route } from './call.ts';
import type { RequestMetrics } from './metrics/request-metrics.ts';
import { errorBody, statusOf } from './status.ts';
import { newestVersion, splitVersion } from './versions.ts';

/** The one place where requests find their route and errors become answers. */
export function createDispatcher(
  routes: readonly Route[],
  options: { serverName: string; log: Log; metrics?: Pick<RequestMetrics, 'observe'> },
): HttpHandler {
  const router = createRouter(routes);
  return async (exchange) => {
    exchange.setHeader('Api-Version', newestVersion);
    // Docker's client asks it before it sends `--squash`.
    exchange.setHeader('Docker-Experimental', 'true');
    exchange.setHeader('Ostype', 'linux');
    exchange.setHeader('Server', options.serverName);
    try {
      const { path, minor } = splitVersion(exchange.path);
      const match = router.match(exchange.method, path);
      if (!match) throw notFound('page not found', { code: 'no-such-route' });
      const startedMs = performance.now();
      exchange.onAnswer((status) =>
        options.metrics?.observe(match.value, status, performance.now() - startedMs),
      );
      send(exchange, await match.value.handle(toCall(exchange, minor, match.params)));
    } catch (thrown) {
      fail(exchange, toSiloError(thrown), options.log);
    }
  };
}

function toCall(exchange: Exchange, minor: number, params: Record<string, string>): ApiCall {
  return {
    exchange,
    minor,
    get query() {
      return exchange.query;
    },
    param(name) {
      const value = params[name];
      if (value === undefined) throw internal(`the route has no parameter ${name}`);
      return value;
    },
  };
}

function send(exchange: Exchange, answer: Answer): void {
  if (answer === 'answered') return;
  const text = 'jsonText' in answer ? answer.jsonText : JSON.stringify(answer.json);
  if (text === undefined) exchange.send(answer.status);
  else exchange.send(answer.status, { type: 'application/json', data: `${text}\n` });
}

function fail(exchange: Exchange, error: SiloError, log: Log): void {
  if (error.kind === 'internal' || error.kind === 'corrupt')
    log.error(error.message, { path: exchange.path, cause: causeOf(error) });
  // After the head only the loss of the connection can tell the client.
  if (exchange.answered) return exchange.destroy();
  const status = statusOf[error.kind];
  if (status === 304) return exchange.send(status);
  exchange.send(status, { type: 'application/json', data: `${JSON.stringify(errorBody(error))}\n` });
}

function causeOf(error: SiloError): string | undefined {
  return error.cause instanceof Error ? error.cause.stack : undefined;
}
