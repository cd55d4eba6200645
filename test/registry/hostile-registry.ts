import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { SampleBlob, SampleImage } from './sample-image.ts';
import { createUploads } from './uploads.ts';

/**
 * A registry in this process for tests: serves images well, or misbehaves as told. Listens on loopback on a free port. Nothing of the
 * engine is used, so a mistake there cannot hide here.
 */
export interface HostileRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`, `[::1]:PORT`. */
  readonly host: string;
  readonly origin: string;
  /** Everything that was asked, in order. */
  readonly requests: RecordedRequest[];
  /** Publishes the image as `repository:tag`, and by its digests. */
  add(repository: string, tag: string, image: SampleImage): void;
  /** Acts instead of the good server for requests that match; the last rule that matches counts. */
  misbehave(rule: Rule): void;
  behave(): void;
  /** The repositories that were given this blob, by upload or mount. */
  holders(digest: string): string[];
  /** What was put under a tag or digest, or added. */
  manifest(repository: string, name: string): SampleBlob | undefined;
}

export interface RecordedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
}

export interface Rule {
  /** Part of the path: `/manifests/`, `/blobs/`, `/token`. */
  path: string | RegExp;
  /** How often, then the good server again; always when absent. */
  times?: number;
  act: Act;
}

/** What a misbehaviour may use: the reply, and the blob or manifest that the good server would have sent. */
export type Act = (context: {
  request: IncomingMessage;
  response: ServerResponse;
  body: SampleBlob | undefined;
  /** The good server. */
  serve: () => void;
}) => void;

export type Authentication =
  | { kind: 'basic'; username: string; password: string }
  | {
      kind: 'bearer';
      /** Where the challenge sends clients; `/token` of this server when absent. */
      realm?: string;
      /** Without: anonymous tokens are given. */
      username?: string;
      password?: string;
    };

export interface HostileOptions {
  authentication?: Authentication;
  tls?: { key: string; cert: string };
  address?: '127.0.0.1' | '::1';
}

export async function startHostileRegistry(options: HostileOptions = {}): Promise<HostileRegistry> {
  const manifests = new Map<string, SampleBlob>();
  const blobs = new Map<string, SampleBlob>();
  const requests: RecordedRequest[] = [];
  let rules: Rule[] = [];
  const tokens = new Set<string>();

  const uploads = createUploads({ manifests, blobs });
  const find = (path: string): SampleBlob | undefined => {
    const match = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path);
    return match?.[2] === 'blobs' ? blobs.get(match[3] ?? '') : manifests.get(`${match?.[1]} ${match?.[3]}`);
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    requests.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers });
    response.on('error', () => undefined);
    const body = find(path);
    const serve = (): void => {
      if (path === '/token') return giveToken(request, response, { options, tokens });
      if (!isAuthorized(request, options.authentication, tokens))
        return challenge(response, options, origin());
      if (!uploads.serve(request, response)) serveWell(request, response, { path, body });
    };
    const rule = rules.findLast(
      (each) =>
        (typeof each.path === 'string' ? path.includes(each.path) : each.path.test(path)) &&
        (each.times ?? Infinity) > 0,
    );
    if (rule === undefined) return serve();
    if (rule.times !== undefined) rule.times--;
    rule.act({ request, response, body, serve });
  };
  const server = options.tls ? createTlsServer(options.tls, handle) : createServer(handle);
  server.keepAliveTimeout = 60_000;
  const address = options.address ?? '127.0.0.1';
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const host = address === '::1' ? `[::1]:${port}` : `${address}:${port}`;
  const origin = (): string => `${options.tls ? 'https' : 'http'}://${host}`;
  return {
    host,
    origin: origin(),
    requests,
    add(repository, tag, image) {
      for (const [position, document] of image.documents.entries()) {
        if (position === 0) manifests.set(`${repository} ${tag}`, document);
        manifests.set(`${repository} ${document.digest}`, document);
      }
      for (const blob of image.blobs) blobs.set(blob.digest, blob);
    },
    misbehave: (rule) => void rules.push(rule),
    behave: () => void (rules = []),
    holders: (digest) => uploads.holders(digest),
    manifest: (repository, name) => manifests.get(`${repository} ${name}`),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}

function serveWell(
  request: IncomingMessage,
  response: ServerResponse,
  { path, body }: { path: string; body: SampleBlob | undefined },
): void {
  if (path === '/v2/') return void response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  if (body === undefined) {
    const code = path.includes('/blobs/') ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN';
    return registryError(response, 404, { code, message: code.toLowerCase().replace('_', ' ') });
  }
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const start = range && path.includes('/blobs/') ? Number(range[1]) : 0;
  const total = body.bytes.byteLength;
  if (start >= total && start > 0) return void response.writeHead(416, { 'content-length': 0 }).end();
  response.writeHead(start > 0 ? 206 : 200, {
    'content-type': path.includes('/blobs/') ? 'application/octet-stream' : body.mediaType,
    'content-length': total - start,
    'docker-content-digest': body.digest,
    ...(start > 0 ? { 'content-range': `bytes ${start}-${total - 1}/${total}` } : {}),
  });
  if (request.method === 'HEAD') response.end();
  else response.end(body.bytes.subarray(start));
}

export function registryError(
  response: ServerResponse,
  status: number,
  error: { code: string; message: string },
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify({ errors: [{ ...error, detail: null }] });
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': text.length,
    ...headers,
  });
  response.end(text);
}

function basic(request: IncomingMessage): string | undefined {
  const match = /^Basic (.+)$/.exec(request.headers.authorization ?? '');
  return match?.[1] === undefined ? undefined : Buffer.from(match[1], 'base64').toString();
}

function isAuthorized(
  request: IncomingMessage,
  authentication: Authentication | undefined,
  tokens: Set<string>,
): boolean {
  if (authentication === undefined) return true;
  if (authentication.kind === 'basic')
    return basic(request) === `${authentication.username}:${authentication.password}`;
  return tokens.has((request.headers.authorization ?? '').replace(/^Bearer /, ''));
}

function challenge(response: ServerResponse, options: HostileOptions, origin: string): void {
  const { authentication } = options;
  const realm = authentication?.kind === 'bearer' ? (authentication.realm ?? `${origin}/token`) : 'hostile';
  const header =
    authentication?.kind === 'bearer'
      ? `Bearer realm="${realm}",service="hostile",scope="repository:other/secret:pull,push"`
      : `Basic realm="${realm}"`;
  const error = { code: 'UNAUTHORIZED', message: 'authentication required' };
  registryError(response, 401, error, { 'www-authenticate': header });
}

function giveToken(
  request: IncomingMessage,
  response: ServerResponse,
  { options, tokens }: { options: HostileOptions; tokens: Set<string> },
): void {
  const { authentication } = options;
  const wanted = authentication?.kind === 'bearer' ? authentication.username : undefined;
  const given = basic(request);
  const right = authentication?.kind === 'bearer' && given === `${wanted}:${authentication.password}`;
  if ((wanted !== undefined || given !== undefined) && !right)
    return registryError(response, 401, { code: 'UNAUTHORIZED', message: 'incorrect username or password' });
  const token = `token-${tokens.size}`;
  tokens.add(token);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ token, expires_in: 300 }));
}
