import {
  type SiloError,
  internal,
  notFound,
  toSiloError,
  unsupported,
} from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { Exchange, HttpHandler } from '../../foundation/http/http.ts';
import { paced } from '../../foundation/http/paced.ts';
import { createRouter } from '../../foundation/http/router.ts';
import { parseRepositoryName, type RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { Access, Authorize, Observe } from './access.ts';
import type { Admit } from './admission.ts';
import type { RegistryCall, Route } from './call.ts';
import { answerOfError, errorBody } from './errors.ts';
import { sendAnswer } from './send-answer.ts';

export interface DispatchOptions {
  log: Log;
  /** Asked before anything else. */
  admit?: Admit;
  authorize?: Authorize;
  observe?: Observe;
  /** Bodies that come more slowly are given up. */
  slowest?: { bytes: number; perMs: number };
}

/** What is found out about a request on its way, for its record. */
interface Progress {
  route?: string;
  repository?: RepositoryName;
  user?: string;
  bytesIn: number;
  bytesOut: number;
  status: number;
}

/** The one place where requests find their route, are asked for their rights, and errors become answers. */
export function createDispatcher(routes: readonly Route[], options: DispatchOptions): HttpHandler {
  const router = createRouter(routes);
  const methods = [...new Set(routes.map(({ method }) => method))];
  const find = (exchange: Exchange): { value: Route; params: Record<string, string> } => {
    const method = exchange.method === 'HEAD' ? 'GET' : exchange.method;
    const match = router.match(method, exchange.path);
    if (match !== undefined) return match;
    const others = methods.filter((other) => router.match(other, exchange.path) !== undefined);
    if (others.length === 0) throw notFound('there is no such page in a registry', { code: 'no-such-route' });
    exchange.setHeader('Allow', others.join(', '));
    throw unsupported(`this cannot be asked with ${exchange.method.slice(0, 20)}`);
  };
  return async (exchange) => {
    const startedMs = performance.now();
    const progress: Progress = { bytesIn: 0, bytesOut: 0, status: 499 };
    exchange.onAnswer((status) => (progress.status = status));
    exchange.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    try {
      options.admit?.(exchange);
      const { value: route, params } = find(exchange);
      progress.route = route.path;
      const call = toCall(exchange, { params, progress, options });
      if (route.access !== 'open') {
        const who = await options.authorize?.(exchange, toAccess(route.access, call));
        if (who?.user !== undefined) progress.user = who.user;
      }
      await sendAnswer(exchange, await route.handle(call), progress);
    } catch (thrown) {
      await fail(exchange, toSiloError(thrown), { log: options.log, progress });
    } finally {
      observe(exchange, progress, { startedMs, options });
    }
  };
}

function toCall(
  exchange: Exchange,
  {
    params,
    progress,
    options,
  }: { params: Record<string, string>; progress: Progress; options: DispatchOptions },
): RegistryCall {
  const { name } = params;
  if (name !== undefined) progress.repository = parseRepositoryName(name);
  return {
    exchange,
    param(wanted) {
      const value = params[wanted];
      if (value === undefined) throw internal(`the route has no parameter ${wanted}`);
      return value;
    },
    get repository() {
      if (progress.repository === undefined) throw internal('the route has no repository');
      return progress.repository;
    },
    body: counted(atPace(exchange.body as AsyncIterable<Uint8Array>, options.slowest), progress),
    async allows(access) {
      try {
        await options.authorize?.(exchange, access);
        return true;
      } catch (error) {
        const { kind } = toSiloError(error);
        if (kind !== 'unauthorized' && kind !== 'forbidden') throw error;
        return false;
      }
    },
  };
}

function toAccess(action: Access['action'], call: RegistryCall): Access {
  return action === 'catalog' || action === 'ping' ? { action } : { action, repository: call.repository };
}

const atPace = (
  body: AsyncIterable<Uint8Array>,
  slowest: DispatchOptions['slowest'],
): AsyncIterable<Uint8Array> => (slowest === undefined ? body : paced(body, slowest));

async function* counted(source: AsyncIterable<Uint8Array>, progress: Progress): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    progress.bytesIn += chunk.byteLength;
    yield chunk;
  }
}

async function fail(
  exchange: Exchange,
  error: SiloError,
  { log, progress }: { log: Log; progress: Progress },
): Promise<void> {
  if (error.kind === 'internal' || error.kind === 'corrupt')
    log.error(error.message, { path: exchange.path, cause: causeOf(error) });
  // After the head only the loss of the connection can tell the client.
  if (exchange.answered || error.kind === 'canceled') return exchange.destroy();
  // The rest of such a body would be waited for before the next request.
  if (error.code === 'too-slow') exchange.setHeader('Connection', 'close');
  const json = errorBody(error);
  const { status } = answerOfError(error);
  await sendAnswer(exchange, { status, content: { kind: 'json', json } }, progress);
}

function observe(
  exchange: Exchange,
  progress: Progress,
  { startedMs, options }: { startedMs: number; options: DispatchOptions },
): void {
  options.observe?.({
    method: exchange.method,
    route: progress.route,
    path: exchange.path,
    repository: progress.repository,
    status: progress.status,
    bytesIn: progress.bytesIn,
    bytesOut: progress.bytesOut,
    milliseconds: performance.now() - startedMs,
    user: progress.user,
    remoteAddress: exchange.remoteAddress,
    userAgent: exchange.headers['user-agent'],
  });
}

function causeOf(error: SiloError): string | undefined {
  return error.cause instanceof Error ? error.cause.stack : undefined;
}
