import { SiloError, unavailable } from '../../foundation/base/errors.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import type { Authorizer } from './authorization.ts';
import { readBounded } from './bounded-body.ts';
import type { RegistryAccess } from './distribution.ts';
import { replyError } from './registry-errors.ts';
import { type RetryPolicy, sendWithRetry } from './retry.ts';
import {
  type HttpMethod,
  type HttpReply,
  type HttpRequest,
  type Transport,
  shownRequest,
  shownUrl,
} from './transport.ts';
import { isInsecureHost, isLoopbackHost } from './trust.ts';

/** Asks one registry for `path` below `/v2/`, or for an address that it named; scheme, authorisation, redirects and retries are done here. */
export type Exchange = (query: RegistryQuery) => Promise<HttpReply & { where: string; url: URL }>;

export interface RegistryQuery {
  reference: Reference;
  /** `library/busybox/manifests/latest`; with a slash in front not below `/v2/`; or where the registry's `Location` pointed to (an upload). */
  path: string | URL;
  method?: HttpMethod;
  /** Made anew for each attempt. */
  body?: () => NonNullable<HttpRequest['body']>;
  /** Lost connections and busy servers are the caller's: it resumes. */
  once?: boolean;
  headers: Record<string, string>;
  /** Statuses that the caller understands; others are errors. */
  accepted: readonly number[];
  signal?: AbortSignal | undefined;
}

export interface ExchangeOptions {
  transport: Transport;
  access: RegistryAccess;
  authorizer: Authorizer;
  retry: RetryPolicy;
  bodyDeadlineMs: number;
  /** For the headers of an answer, when shorter than the transport's own. */
  answerMs?: number | undefined;
}

const maximumRedirects = 5;
const errorLimitBytes = 64 * 1024;
/** A server that does not speak TLS may wait for ever for the end of what it takes for a line. */
const tlsProbeMs = 5000;

export function createExchange(options: ExchangeOptions): Exchange {
  const endpointOf = createEndpoints(options);
  return async (query) => {
    const { reference, signal } = query;
    const base = await endpointOf(reference.host, signal);
    const url =
      typeof query.path === 'string'
        ? new URL(query.path.startsWith('/') ? query.path : `/v2/${query.path}`, base)
        : query.path;
    const where = shownRequest(query.method, url);
    const isOwn = url.origin === base.origin;
    let authorization = isOwn ? options.authorizer.cached(base, reference) : undefined;
    let reply = await follow(options, { url, query, authorization, isOwn });
    if (reply.status === 401 && isOwn) {
      // Only the registry itself can be answered; `follow` ends with an error when a redirect's target asks.
      reply.discard();
      const challenge = challengeOf(reply);
      authorization = await options.authorizer.answer(base, reference, {
        challenge,
        sent: authorization,
        signal,
      });
      reply = await follow(options, { url, query, authorization, isOwn });
    }
    if (query.accepted.includes(reply.status)) return { ...reply, where, url };
    throw await failure(options, reply, { reference, where });
  };
}

/** The registry's address: HTTPS; for hosts that are trusted by name unverified HTTPS and then HTTP, remembered once found. */
function createEndpoints({ transport, access }: ExchangeOptions) {
  const known = new Map<string, URL>();
  return async (host: string, signal: AbortSignal | undefined): Promise<URL> => {
    // The name of images is not that of the server for Docker's own registry.
    const server = host === 'docker.io' ? 'registry-1.docker.io' : host;
    const secure = new URL(`https://${server}/v2/`);
    if (access.origin) return access.origin;
    if (!isInsecureHost(server, access.insecure)) return secure;
    const found = known.get(server) ?? (await probe(transport, secure, signal));
    known.set(server, found);
    return found;
  };
}

async function probe(transport: Transport, secure: URL, signal: AbortSignal | undefined): Promise<URL> {
  try {
    const reply = await transport.send({
      url: secure,
      headers: {},
      reach: 'named',
      verifyTls: false,
      signal,
      headersTimeoutMs: tlsProbeMs,
    });
    reply.discard();
    return secure;
  } catch (error) {
    const plain = new URL(secure);
    plain.protocol = 'http:';
    if (!(error instanceof SiloError) || error.kind === 'canceled') throw error;
    return plain;
  }
}

interface Following {
  url: URL;
  query: RegistryQuery;
  authorization: string | undefined;
  /** On the registry's own origin. */
  isOwn: boolean;
}

/** Follows redirects; the authorisation is for the registry's own origin and never comes back once it was left. */
async function follow(options: ExchangeOptions, start: Following): Promise<HttpReply> {
  let { url, authorization } = start;
  const { query } = start;
  const foreign = isLoopbackHost(query.reference.host) ? 'followed-locally' : 'followed';
  let reach: HttpRequest['reach'] = start.isOwn ? 'named' : foreign;
  for (let redirects = 0; ; redirects++) {
    const request: HttpRequest = {
      url,
      ...(query.method === undefined ? {} : { method: query.method }),
      headers: {
        ...query.headers,
        ...(authorization === undefined ? {} : { authorization }),
      },
      reach,
      verifyTls: !isInsecureHost(url.host, options.access.insecure),
      signal: query.signal,
      ...(options.answerMs === undefined ? {} : { headersTimeoutMs: options.answerMs }),
    };
    const send = (): Promise<HttpReply> =>
      options.transport.send(query.body === undefined ? request : { ...request, body: query.body() });
    const reply = query.once ? await send() : await sendWithRetry(send, options.retry, request.signal);
    if (!mayFollow(query, reply.status)) {
      if (reply.status === 401 && url.origin !== start.url.origin) {
        const target = { reference: query.reference, where: shownRequest(query.method, url) };
        throw await failure(options, reply, target);
      }
      return reply;
    }
    reply.discard();
    if (redirects === maximumRedirects)
      throw unavailable(`Get "${shownUrl(start.url)}": stopped after ${maximumRedirects} redirects`, {
        code: 'too-many-redirects',
        hint: 'the registry sends its clients in circles; tell its operator',
      });
    const next = redirectTarget(url, reply.headers.location);
    if (next.origin !== start.url.origin) {
      authorization = undefined;
      reach = foreign;
    }
    url = next;
  }
}

/** What changes something is sent again only where the status keeps method and body. RFC 9110 section 15.4. */
function mayFollow({ method = 'GET' }: RegistryQuery, status: number): boolean {
  const reads = method === 'GET' || method === 'HEAD';
  return (reads ? [301, 302, 303, 307, 308] : [307, 308]).includes(status);
}

/** Where a reply's `Location` or a redirect leads; what is no HTTP address, holds a password or gives up encryption is refused. */
export function redirectTarget(from: URL, location: string | undefined): URL {
  const usable = location !== undefined && location.length <= 16_384 && URL.canParse(location, from.href);
  const next = usable ? new URL(location, from.href) : undefined;
  const reason =
    next === undefined
      ? 'without a usable target'
      : next.protocol !== 'https:' && next.protocol !== 'http:'
        ? `to a ${next.protocol.slice(0, 20)} address`
        : next.username !== '' || next.password !== ''
          ? 'to an address with a password in it'
          : from.protocol === 'https:' && next.protocol === 'http:'
            ? `from HTTPS to plain HTTP (${next.host})`
            : undefined;
  if (next !== undefined && reason === undefined) return next;
  throw unavailable(`Get "${shownUrl(from)}": redirect ${reason} refused`, {
    code: 'bad-redirect',
    hint: 'the registry is misconfigured, or something between changes its answers',
  });
}

async function failure(
  options: ExchangeOptions,
  reply: HttpReply,
  { reference, where }: { reference: Reference; where: string },
): Promise<SiloError> {
  const bytes = await readBounded(reply, {
    limitBytes: errorLimitBytes,
    deadlineMs: Math.min(options.bodyDeadlineMs, 5000),
    what: where,
    cut: true,
  }).catch(() => new Uint8Array(0));
  return replyError(
    {
      status: reply.status,
      text: new TextDecoder().decode(bytes),
      contentType: reply.headers['content-type'],
      challenge: challengeOf(reply),
      retryAfter: reply.headers['retry-after'],
    },
    reference,
    where,
  );
}

function challengeOf(reply: HttpReply): string | undefined {
  return reply.headers['www-authenticate'];
}
