import http from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import tls from 'node:tls';
import { invalid, timedOut, unavailable } from '../../foundation/base/errors.ts';
import { isInsecureHost, isLoopbackHost, splitHostPort } from './trust.ts';

const connectTimeoutMs = 30_000;

/** The proxy for a request, or undefined to connect directly. */
export type ProxyFor = (url: URL) => URL | undefined;

/**
 * `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY` (either case) as Go's `httpproxy` reads them, which is what Docker's users know: loopback is never
 * proxied; a name covers its subdomains, `.name` only those; addresses and CIDR cover addresses; `*` is everything.
 */
export function proxyFromEnvironment(environment: Record<string, string | undefined>): ProxyFor {
  return createProxyFor(proxyTexts(environment));
}

/** The addresses as they are written, by the keys of the configuration file. */
export function proxyTexts(environment: Record<string, string | undefined>): ProxyTexts {
  const read = (name: string): string => environment[name] || environment[name.toLowerCase()] || '';
  return {
    'http-proxy': read('HTTP_PROXY'),
    'https-proxy': read('HTTPS_PROXY'),
    'no-proxy': read('NO_PROXY'),
  };
}

export interface ProxyTexts {
  'http-proxy'?: string;
  'https-proxy'?: string;
  'no-proxy'?: string;
}

/** Kind `invalid` when an address is not usable; it is not shown, as it may hold a password. */
export function createProxyFor(texts: ProxyTexts): ProxyFor {
  const proxies: Record<string, URL | undefined> = {
    'http:': parseProxy(texts['http-proxy'] ?? ''),
    'https:': parseProxy(texts['https-proxy'] ?? ''),
  };
  const exceptions = (texts['no-proxy'] ?? '')
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '');
  return (url) => {
    if (isLoopbackHost(url.host) || exceptions.some((entry) => covers(entry, url))) return undefined;
    return proxies[url.protocol];
  };
}

function covers(entry: string, url: URL): boolean {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const { name } = splitHostPort(url.host);
  if (entry === '*') return true;
  if (isIP(name) !== 0) return isInsecureHost(`${isIP(name) === 6 ? `[${name}]` : name}:${port}`, [entry]);
  const wanted = splitHostPort(entry.replace(/^\*(?=\.)/, ''));
  if (wanted.port !== undefined && String(wanted.port) !== port) return false;
  return wanted.name.startsWith('.')
    ? name.endsWith(wanted.name)
    : name === wanted.name || name.endsWith(`.${wanted.name}`);
}

function parseProxy(text: string): URL | undefined {
  if (text === '') return undefined;
  const address = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === 'http:') return url;
  throw invalid('the proxy for registries is not usable: want http://[USER:PASSWORD@]HOST[:PORT]', {
    code: 'bad-proxy',
    hint: 'correct HTTP_PROXY and HTTPS_PROXY in the environment of the daemon, or "proxies" in its configuration file',
  });
}

/** What authorises us to the proxy. */
export function proxyHeaders(proxy: URL): Record<string, string> {
  if (proxy.username === '') return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** Where to connect for the proxy itself. */
export function proxyAddress(proxy: URL): { host: string; port: number } {
  const { name, port } = splitHostPort(proxy.host);
  return { host: name, port: port ?? 80 };
}

/** An agent whose connections are tunnels through the proxy (RFC 9110 section 9.3.6), with TLS to the server inside. */
export function createTunnelAgent(proxy: URL, options: https.AgentOptions): https.Agent {
  const agent = new https.Agent(options);
  agent.createConnection = (target, callback) => {
    const host = target.host ?? '';
    const fail = (error: Error): void => callback?.(error, undefined as never);
    openTunnel(proxy, `${isIP(host) === 6 ? `[${host}]` : host}:${target.port ?? 443}`, {
      fail,
      connected(socket) {
        const secure = tls.connect({
          socket,
          servername: isIP(host) === 0 ? host : '',
          rejectUnauthorized: options.rejectUnauthorized ?? true,
          ...(options.ca ? { ca: options.ca } : {}),
          ...(options.cert && options.key ? { cert: options.cert, key: options.key } : {}),
        });
        secure.once('error', fail);
        secure.once('secureConnect', () => {
          secure.off('error', fail);
          callback?.(null, secure);
        });
      },
    });
    return undefined;
  };
  return agent;
}

function openTunnel(
  proxy: URL,
  authority: string,
  { connected, fail }: { connected: (socket: Socket) => void; fail: (error: Error) => void },
): void {
  const request = http.request({
    ...proxyAddress(proxy),
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...proxyHeaders(proxy) },
    agent: false,
  });
  const judge = (reply: http.IncomingMessage, socket: Socket): void => {
    if (reply.statusCode === 200) return connected(socket);
    socket.destroy();
    fail(
      unavailable(`the proxy ${proxy.host} refuses to connect to ${authority}: status ${reply.statusCode}`, {
        code: 'proxy-refused',
        hint: 'check the proxy settings of the daemon (HTTPS_PROXY, NO_PROXY)',
      }),
    );
  };
  request.once('connect', judge);
  // Only a refusal can come as an ordinary reply.
  request.once('response', (reply) => judge(reply, reply.socket));
  request.once('error', fail);
  request.setTimeout(connectTimeoutMs, () =>
    request.destroy(timedOut(`the proxy ${proxy.host} does not answer`)),
  );
  request.end();
}
