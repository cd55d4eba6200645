import { lookup as resolve } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { type LookupFunction, isIP } from 'node:net';
import { forbidden as forbiddenError, timedOut } from '../../foundation/base/errors.ts';
import { throwIfAborted } from '../../foundation/base/deadline.ts';
import type { CertificatesFor, HostCertificates } from './certificates.ts';
import { type ProxyFor, createTunnelAgent, proxyAddress, proxyHeaders } from './proxy.ts';
import { connectionError } from './registry-errors.ts';
import { type Reach, mayReach, splitHostPort } from './trust.ts';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';

/** One HTTP exchange; no redirects, no retries, no authorisation of its own. */
export interface HttpRequest {
  url: URL;
  method?: HttpMethod;
  headers: Record<string, string>;
  /** A stream is sent as fast as the server takes it; its length stands in `content-length`. */
  body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  reach: Reach;
  /** False only for hosts that are trusted by name (`isInsecureHost`). */
  verifyTls: boolean;
  signal?: AbortSignal | undefined;
  /** For the headers, when shorter than the transport's own. */
  headersTimeoutMs?: number;
}

export interface HttpReply {
  status: number;
  headers: http.IncomingHttpHeaders;
  /**
   * The body as it arrives; a silence longer than the limit ends it with kind `timeout`, a lost connection with `unavailable`. Ending
   * the iteration early closes the connection.
   */
  body: AsyncIterable<Uint8Array>;
  /** Ends it without reading: a short body is drained so that the connection serves again, else the connection is closed. */
  discard(): void;
}

export interface Transport extends Disposable {
  send(request: HttpRequest): Promise<HttpReply>;
}

export interface TransportTimeouts {
  /** From the request to the end of the headers. */
  headersMs: number;
  /** Between two chunks of a body. */
  idleMs: number;
  /** A body must bring `bytes` in each `perMs` that we wait for it; our own slowness does not count. */
  pace?: { bytes: number; perMs: number };
}

/** Less than a telephone line gave: whoever is slower holds us up on purpose, or is as good as gone. */
const slowest = { bytes: 64 * 1024, perMs: 60_000 };

/** Keeps connections open between requests; shared by all registry clients of the engine. */
export function createTransport(
  timeouts: TransportTimeouts = { headersMs: 30_000, idleMs: 30_000 },
  proxyFor: ProxyFor = () => undefined,
  certificatesFor: CertificatesFor = () => Promise.resolve(undefined),
): Transport {
  const agents = new Map<string, http.Agent>();
  // Connections are reused only among requests with the same rules, or a rule could be evaded by a connection made under another.
  const agentFor = (
    request: HttpRequest,
    proxy: URL | undefined,
    certificates: HostCertificates | undefined,
  ): http.Agent => {
    const { url, reach, verifyTls } = request;
    const own = certificates ? `${url.host} ${certificates.id}` : '';
    const key = `${url.protocol} ${reach} ${verifyTls} ${proxy?.href} ${own}`;
    let agent = agents.get(key);
    if (agent === undefined) {
      agent = createAgent(request, proxy, certificates);
      agents.set(key, agent);
    }
    return agent;
  };
  return {
    async send(request) {
      throwIfAborted(request.signal, 'the request to the registry');
      refuseAddress(request);
      const proxy = proxyFor(request.url);
      const certificates =
        request.url.protocol === 'https:' ? await certificatesFor(request.url.host) : undefined;
      throwIfAborted(request.signal, 'the request to the registry');
      const agent = agentFor(request, proxy, certificates);
      return exchange(request, { agent, proxy, timeouts, certificates });
    },
    [Symbol.dispose]() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

function createAgent(
  { url, reach, verifyTls }: HttpRequest,
  proxy: URL | undefined,
  certificates: HostCertificates | undefined,
): http.Agent {
  const options = { keepAlive: true, maxFreeSockets: 16 };
  const secure = { ...options, ...tlsOptions(certificates), rejectUnauthorized: verifyTls };
  if (url.protocol === 'http:')
    return new http.Agent(proxy ? options : { ...options, lookup: guardedLookup(reach) });
  return proxy
    ? createTunnelAgent(proxy, secure)
    : new https.Agent({ ...secure, lookup: guardedLookup(reach) });
}

function tlsOptions(certificates: HostCertificates | undefined): Omit<HostCertificates, 'id'> {
  if (certificates === undefined) return {};
  const { id: _, ...options } = certificates;
  return options;
}

interface Route {
  agent: http.Agent;
  certificates: HostCertificates | undefined;
  proxy: URL | undefined;
  timeouts: TransportTimeouts;
}

/** Where to connect and what to ask for: a proxy for plain HTTP wants the whole address (RFC 9112 section 3.2.2). */
function targetOf(
  { url, reach, verifyTls }: HttpRequest,
  proxy: URL | undefined,
): Omit<https.RequestOptions, 'headers'> & { headers?: Record<string, string> } {
  if (proxy && url.protocol === 'http:')
    return { ...proxyAddress(proxy), path: url.href, headers: proxyHeaders(proxy) };
  const { name } = splitHostPort(url.host);
  return {
    host: name,
    port: url.port || (url.protocol === 'https:' ? 443 : 80),
    path: url.pathname + url.search,
    rejectUnauthorized: verifyTls,
    ...(proxy ? {} : { lookup: guardedLookup(reach) }),
    ...(isIP(name) === 0 ? { servername: name } : {}),
  };
}

function exchange(request: HttpRequest, { agent, proxy, timeouts, certificates }: Route): Promise<HttpReply> {
  const { url, signal } = request;
  const headersMs = Math.min(request.headersTimeoutMs ?? Infinity, timeouts.headersMs);
  const where = shownRequest(request.method, url);
  const target = targetOf(request, proxy);
  return new Promise((resolveReply, reject) => {
    const client = (url.protocol === 'https:' ? https : http).request({
      ...target,
      ...tlsOptions(certificates),
      agent,
      method: request.method ?? 'GET',
      headers: { host: url.host, 'user-agent': 'silo', ...target.headers, ...request.headers },
    });
    let response: http.IncomingMessage | undefined;
    const timer = setTimeout(
      () =>
        client.destroy(timedOut(`${where}: no answer within ${headersMs / 1000} s`, { code: 'no-answer' })),
      headersMs,
    );
    let answered = false;
    const cancel = (): void => {
      client.destroy(connectionError(signal?.reason, where, signal));
    };
    signal?.addEventListener('abort', cancel, { once: true });
    const finished = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    };
    client.on('close', finished);
    client.on('error', (error) => {
      finished();
      const wrapped = connectionError(error, where, signal);
      response?.destroy(wrapped);
      reject(wrapped);
    });
    client.on('response', (incoming) => {
      clearTimeout(timer);
      answered = true;
      response = incoming;
      incoming.on('error', () => undefined);
      resolveReply({
        status: incoming.statusCode ?? 0,
        headers: incoming.headers,
        body: {
          [Symbol.asyncIterator]: () => readBody(incoming, { where, signal, ...timeouts }),
        },
        discard: () => drain(incoming, timeouts.idleMs),
      });
    });
    const { body } = request;
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
      client.end(body);
      return;
    }
    // The server's time for an answer runs anew with each piece that it took.
    sendBody(client, body, () => void (answered || timer.refresh())).catch((error: unknown) => {
      // An answer that came early tells more than the connection that broke behind it.
      if (!answered) client.destroy(connectionError(error, where, signal));
    });
  });
}

/** Writes with back-pressure: at most one piece waits in memory. */
async function sendBody(
  client: http.ClientRequest,
  body: AsyncIterable<Uint8Array>,
  onSent: () => void,
): Promise<void> {
  for await (const piece of body) {
    if (client.destroyed) return;
    await new Promise<void>((resolveWrite, reject) => {
      const closed = (): void => reject(new Error('the connection was closed while sending'));
      client.once('close', closed);
      client.write(piece, (error) => {
        client.off('close', closed);
        if (error) reject(error);
        else resolveWrite();
      });
    });
    onSent();
  }
  client.end();
}

/** `Get "https://registry.example/v2/"`, as Go writes it. */
export function shownRequest(method: HttpMethod | undefined, url: URL): string {
  const verb = method ?? 'GET';
  return `${verb.slice(0, 1)}${verb.slice(1).toLowerCase()} "${shownUrl(url)}"`;
}

async function* readBody(
  incoming: http.IncomingMessage,
  options: TransportTimeouts & { where: string; signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const { where, signal, idleMs, pace = slowest } = options;
  let waited = 0;
  let came = 0;
  const chunks = (incoming as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      // Only the wait for the network counts: a slow consumer is not the server's fault.
      const timer = setTimeout(
        () =>
          incoming.destroy(
            timedOut(`${where}: the server sent nothing for ${idleMs / 1000} s`, {
              code: 'connection-stalled',
            }),
          ),
        idleMs,
      );
      const begun = performance.now();
      const next = await chunks.next().finally(() => clearTimeout(timer));
      if (next.done) return;
      waited += performance.now() - begun;
      came += next.value.byteLength;
      if (waited >= pace.perMs) {
        if (came < pace.bytes) throw tooSlow(where, pace);
        waited = 0;
        came = 0;
      }
      yield next.value;
    }
  } catch (error) {
    throw connectionError(error, where, signal);
  } finally {
    // After a clean end the connection has gone back to the agent and this does nothing.
    if (!incoming.complete) incoming.destroy();
  }
}

function tooSlow(where: string, { bytes, perMs }: { bytes: number; perMs: number }): Error {
  return timedOut(`${where}: the server sent less than ${bytes} bytes in ${perMs / 1000} s`, {
    code: 'connection-stalled',
    hint: 'the registry, or the way to it, is too slow; try later',
  });
}

function drain(incoming: http.IncomingMessage, limitMs: number): void {
  const size = Number(incoming.headers['content-length'] ?? Infinity);
  if (incoming.readableFlowing !== null || !(size <= 64 * 1024)) {
    incoming.destroy();
    return;
  }
  const timer = setTimeout(() => incoming.destroy(), limitMs);
  incoming.once('close', () => clearTimeout(timer));
  incoming.resume();
}

/** Addresses written as such never pass through `lookup`. */
function refuseAddress({ url, reach }: HttpRequest): void {
  const { name } = splitHostPort(url.host);
  const local = name === 'localhost' || name.endsWith('.localhost');
  const refused = isIP(name) === 0 ? local && reach === 'followed' : !mayReach(name, reach);
  if (refused) throw unreachable(name);
}

function guardedLookup(reach: Reach): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '');
      const refused = addresses.find(({ address }) => !mayReach(address, reach));
      if (refused) return callback(unreachable(`${hostname} (${refused.address})`), '');
      const [first] = addresses;
      if (options.all || first === undefined) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
}

function unreachable(where: string): Error {
  return forbiddenError(`the registry pointed to ${where}, which is reserved for this machine`, {
    code: 'reserved-address',
    hint: 'redirects and token servers must be reachable from elsewhere; if this is your own registry, address it directly',
  });
}

/** Without the query, which may hold a signature that gives access. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
