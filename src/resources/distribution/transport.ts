import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { timedOut } from '../../foundation/base/errors.ts';
import { throwIfAborted } from '../../foundation/base/deadline.ts';
import type { CertificatesFor, HostCertificates } from './certificates.ts';
import { type ProxyFor, createTunnelAgent, proxyAddress, proxyHeaders } from './proxy.ts';
import { connectionError } from './registry-errors.ts';
import { type Reach, splitHostPort } from './trust.ts';
import { refuseAddress, guardedLookup } from './guarded-address.ts';
import { type TransportTimeouts, sendBody, readBody, drain } from './transport-body.ts';

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

/** `Get "https://registry.example/v2/"`, as Go writes it. */
export function shownRequest(method: HttpMethod | undefined, url: URL): string {
  const verb = method ?? 'GET';
  return `${verb.slice(0, 1)}${verb.slice(1).toLowerCase()} "${shownUrl(url)}"`;
}

/** Without the query, which may hold a signature that gives access. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
