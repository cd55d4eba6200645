import { SiloError, corrupt, forbidden, unavailable } from '../../foundation/base/errors.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import { parseJsonDocument } from '../../foundation/oci/bounded-json.ts';
import { readBounded } from './bounded-body.ts';
import { parseChallenges } from './challenge.ts';
import type { RegistryAccess } from './distribution.ts';
import { mayShowCredentials, parseRealm } from './realm.ts';
import { noCredentials, notARegistry, isHtml, replyError } from './registry-errors.ts';
import { type RetryPolicy, sendWithRetry } from './retry.ts';
import { type HttpRequest, type Transport, shownRequest, shownUrl } from './transport.ts';
import { isInsecureHost, isLoopbackHost } from './trust.ts';

/** Finds the `Authorization` for one registry; tokens are kept per repository until they expire or are refused. */
export interface Authorizer {
  /** What is known already. */
  cached(registry: URL, reference: Reference): string | undefined;
  /** Answers the challenge of a 401. `unauthorized` when there is nothing (else) to offer. */
  answer(registry: URL, reference: Reference, reply: Refusal): Promise<string>;
  /** What a token server gave in place of the password, when a login was asked for. */
  identityToken(): string | undefined;
}

export interface Refusal {
  challenge: string | undefined;
  /** What had been sent, so that a refused token is not offered again. */
  sent: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface AuthorizerOptions {
  transport: Transport;
  access: RegistryAccess;
  retry: RetryPolicy;
  bodyDeadlineMs: number;
}

/** Known to token servers that keep count of their clients. */
const clientId = 'silo';
const tokenLimitBytes = 1024 * 1024;
// RFC 6750 section 2.1, and short enough for any server's header limit.
const usableToken = /^[A-Za-z0-9\-._~+/]{1,65536}=*$/;
// Docker's rule: tokens live at least this long, and are renewed this long before their end.
const minimumLifeSeconds = 60;
const renewBeforeMs = 10_000;

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { credentials } = options.access;
  const known = new Map<string, { value: string; validUntilMs: number }>();
  const pending = new Map<string, Promise<string>>();
  let identityToken: string | undefined;
  const keyOf = (registry: URL, reference: Reference): string => `${registry.origin} ${reference.path}`;
  const cached = (registry: URL, reference: Reference): string | undefined => {
    const found = known.get(keyOf(registry, reference));
    return found !== undefined && found.validUntilMs > Date.now() ? found.value : undefined;
  };
  const obtain = async (registry: URL, reference: Reference, reply: Refusal): Promise<string> => {
    const challenges = parseChallenges(reply.challenge ?? '');
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    const key = keyOf(registry, reference);
    if (bearer) {
      if (credentials && 'token' in credentials) return `Bearer ${credentials.token}`;
      const { token, lifeSeconds, refreshToken } = await fetchToken(options, {
        registry,
        reference,
        parameters: bearer.parameters,
        signal: reply.signal,
      });
      identityToken = refreshToken ?? identityToken;
      const value = `Bearer ${token}`;
      known.set(key, { value, validUntilMs: Date.now() + lifeSeconds * 1000 - renewBeforeMs });
      return value;
    }
    const basic = challenges.some(({ scheme }) => scheme === 'basic');
    if (!basic || !credentials || !('username' in credentials))
      throw noCredentials(reference, `Get "${shownUrl(registry)}"`);
    const value = basicOf(credentials);
    known.set(key, { value, validUntilMs: Infinity });
    return value;
  };
  return {
    cached,
    identityToken: () => identityToken,
    async answer(registry, reference, reply) {
      const key = keyOf(registry, reference);
      const other = cached(registry, reference);
      // A parallel request may have renewed it since ours was sent.
      if (other !== undefined && other !== reply.sent) return other;
      known.delete(key);
      const running = pending.get(key);
      if (running) return running;
      const run = obtain(registry, reference, reply).finally(() => pending.delete(key));
      pending.set(key, run);
      return run;
    },
  };
}

interface TokenRequest {
  registry: URL;
  reference: Reference;
  parameters: Record<string, string>;
  signal: AbortSignal | undefined;
}

interface Token {
  token: string;
  lifeSeconds: number;
  /** Buys further tokens, in place of the password. */
  refreshToken: string | undefined;
}

/** Distribution's token protocol (docs/spec/auth/token.md, oauth.md). */
async function fetchToken(
  options: AuthorizerOptions,
  { registry, reference, parameters, signal }: TokenRequest,
): Promise<Token> {
  const { access } = options;
  const url = parseRealm(parameters['realm'] ?? '', registry, access);
  // Our own scope, not the challenge's: a registry must not make us ask for rights on other repositories.
  const scopes = [
    `repository:${reference.path}:${access.pushes ? 'pull,push' : 'pull'}`,
    ...(access.pushes?.mountsFrom ?? []).map((path) => `repository:${path}:pull`),
  ];
  // Without a repository it is the login itself that is asked for.
  const asksForRights = reference.path !== '';
  const query = new URLSearchParams();
  if (parameters['service'] !== undefined) query.set('service', parameters['service'].slice(0, 500));
  const shown = showableCredentials(url, registry, options);
  const request: HttpRequest = {
    url,
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    reach: isLoopbackHost(registry.host) ? 'followed-locally' : 'followed',
    verifyTls: !isInsecureHost(url.host, access.insecure),
    signal,
  };
  if (url.origin === registry.origin) request.reach = 'named';
  const asForm = (grant: Record<string, string>): HttpRequest => {
    const form = new URLSearchParams({ ...Object.fromEntries(query), ...grant, client_id: clientId });
    if (asksForRights) form.set('scope', scopes.join(' '));
    const body = form.toString();
    const headers = {
      ...request.headers,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(Buffer.byteLength(body)),
    };
    return { ...request, url: new URL(url), method: 'POST', body, headers };
  };
  if (shown && 'identityToken' in shown)
    return readToken(options, {
      request: asForm({ grant_type: 'refresh_token', refresh_token: shown.identityToken }),
      reference,
    });
  const asPlain: HttpRequest = { ...request, url: new URL(url), headers: { ...request.headers } };
  if (asksForRights) for (const scope of scopes) asPlain.url.searchParams.append('scope', scope);
  for (const [name, value] of query) asPlain.url.searchParams.append(name, value);
  if (!shown || !('username' in shown)) return readToken(options, { request: asPlain, reference });
  asPlain.headers['authorization'] = basicOf(shown);
  asPlain.url.searchParams.set('account', shown.username);
  asPlain.url.searchParams.set('client_id', clientId);
  if (!asksForRights) asPlain.url.searchParams.set('offline_token', 'true');
  try {
    return await readToken(options, { request: asPlain, reference });
  } catch (error) {
    // A server that only speaks OAuth 2 does not know the older way.
    if (!(error instanceof SiloError) || error.code !== 'no-such-way') throw error;
    const { username, password } = shown;
    const access_type = asksForRights ? 'online' : 'offline';
    return readToken(options, {
      request: asForm({ grant_type: 'password', username, password, access_type }),
      reference,
    });
  }
}

async function readToken(
  options: AuthorizerOptions,
  { request, reference }: { request: HttpRequest; reference: Reference },
): Promise<Token> {
  const where = shownRequest(request.method, request.url);
  const reply = await sendWithRetry(() => options.transport.send(request), options.retry, request.signal);
  const bytes = await readBounded(reply, {
    limitBytes: tokenLimitBytes,
    deadlineMs: options.bodyDeadlineMs,
    what: `${where}: the token`,
  });
  if ((reply.status === 404 || reply.status === 405) && request.method !== 'POST')
    throw unavailable(`${where}: the token server answers with status ${reply.status}`, {
      code: 'no-such-way',
    });
  if (reply.status !== 200)
    throw replyError(
      {
        status: reply.status,
        text: Buffer.from(bytes).toString('utf8'),
        contentType: reply.headers['content-type'],
        challenge: undefined,
        retryAfter: reply.headers['retry-after'],
      },
      reference,
      where,
    );
  if (isHtml(reply.headers['content-type'])) throw notARegistry(where);
  const body = parseJsonDocument(bytes, 'answer of the token server', tokenLimitBytes);
  const token = body.string('token') ?? body.string('access_token') ?? '';
  if (!usableToken.test(token))
    throw corrupt(`${where}: authorization server did not include a usable token in the response`, {
      code: 'bad-token',
    });
  const refreshToken = body.string('refresh_token');
  return {
    token,
    lifeSeconds: Math.max(body.integer('expires_in') ?? 0, minimumLifeSeconds),
    refreshToken: refreshToken !== undefined && usableToken.test(refreshToken) ? refreshToken : undefined,
  };
}

function showableCredentials(
  realm: URL,
  registry: URL,
  { access }: AuthorizerOptions,
): RegistryAccess['credentials'] {
  if (access.credentials === undefined || mayShowCredentials(realm, registry, access))
    return access.credentials;
  throw refusedRealm(realm, registry);
}

function refusedRealm(realm: URL, registry: URL): SiloError {
  return forbidden(
    `the registry ${registry.host} asks to send your password to ${realm.host}, which does not belong to it`,
    {
      code: 'foreign-token-server',
      hint: `if you trust it, add ${realm.host} to the token servers of the daemon's configuration, or pull without logging in`,
    },
  );
}

function basicOf({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
