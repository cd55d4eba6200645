import { invalid } from '../../foundation/base/errors.ts';
import { parseUpstream, type Upstream } from './cache/upstreams.ts';
import type { RateLimit } from './rate-limit.ts';

/**
 * What a registry server is told. Declared once: the flags of `silo registry serve`, their help and the keys of `registry` in the daemon's
 * configuration are these words.
 */
export const registryOptions = {
  addr: { kind: 'string', summary: 'Address to listen on: HOST:PORT' },
  root: { kind: 'string', summary: 'Folder that holds the repositories', completion: 'files' },
  htpasswd: { kind: 'string', summary: 'File of users, made by `htpasswd -B`', completion: 'files' },
  'access-file': { kind: 'string', summary: 'File that says who may do what', completion: 'files' },
  'anonymous-read': { kind: 'bool', summary: 'Everybody may pull without logging in' },
  auth: { kind: 'string', summary: 'How clients log in: basic or token' },
  'external-url': {
    kind: 'string',
    summary: 'How clients reach this server, as in https://registry.example',
  },
  'token-key': {
    kind: 'string',
    summary: 'Private key that signs tokens (made when absent)',
    completion: 'files',
  },
  'token-service': { kind: 'string', summary: 'Name for which tokens are made' },
  'token-realm': {
    kind: 'string',
    summary: 'Token server of somebody else, as in https://auth.example/token',
  },
  'token-issuer': { kind: 'string', summary: 'Name of that token server in its tokens' },
  'token-trust': { kind: 'string', summary: 'Its public keys: JWK set or PEM', completion: 'files' },
  'tls-cert': { kind: 'string', summary: 'Certificate, with its chain', completion: 'files' },
  'tls-key': { kind: 'string', summary: 'Private key of the certificate', completion: 'files' },
  'tls-client-ca': {
    kind: 'string',
    summary: 'Clients need a certificate of this authority',
    completion: 'files',
  },
  'read-only': { kind: 'bool', summary: 'Nothing can be pushed or deleted' },
  quota: { kind: 'string', summary: 'Bytes that may be stored in all, as in 200GB' },
  'repository-quota': { kind: 'string', summary: 'Bytes that one repository may store, as in 10GB' },
  'rate-limit': { kind: 'string', summary: 'Requests of one client address: COUNT/s, COUNT/m or COUNT/h' },
  'pull-through': { kind: 'list', summary: 'Be a cache of another registry: [PREFIX=]HOST[/PATH]' },
  'pull-through-limit': { kind: 'string', summary: 'Bytes that the cache may keep, as in 50GB' },
  'pull-through-auths': {
    kind: 'string',
    summary: 'Accounts there, as in ~/.docker/config.json',
    completion: 'files',
  },
  'pull-through-insecure': { kind: 'list', summary: 'Host there that may be spoken to without TLS' },
  metrics: { kind: 'bool', summary: 'Serve /metrics, to those who logged in where there are users' },
  'metrics-addr': { kind: 'string', summary: 'Serve /metrics at an address of its own: HOST:PORT' },
  'access-log': {
    kind: 'string',
    summary: 'File that gets one JSON line for each request',
    completion: 'files',
  },
  'no-page': { kind: 'bool', summary: 'No web page at /' },
} as const satisfies Record<
  string,
  { kind: 'string' | 'bool' | 'list'; summary: string; completion?: 'files' }
>;

type OptionName = keyof typeof registryOptions;

/** As given on the command line or in a file. */
export type GivenOptions = Partial<Record<OptionName, string | boolean | readonly string[]>>;

export interface RegistrySettings {
  address: string;
  root: string;
  htpasswd?: string;
  accessFile?: string;
  anonymousRead: boolean;
  auth: 'basic' | 'token';
  externalUrl?: string;
  tokenKey?: string;
  tokenService: string;
  /** Tokens come from somebody else. */
  tokenServer?: { realm: string; issuer: string; trust: string };
  tls?: { cert: string; key: string; clientCa?: string };
  readOnly: boolean;
  quotaBytes?: number;
  repositoryQuotaBytes?: number;
  rateLimit?: RateLimit;
  upstreams: Upstream[];
  cacheLimitBytes?: number;
  upstreamAuths?: string;
  upstreamInsecure: readonly string[];
  metrics: boolean;
  metricsAddress?: string;
  accessLog?: string;
  page: boolean;
}

export const defaultRegistryRoot = '/var/lib/silo-registry';
export const defaultRegistryAddress = '127.0.0.1:5000';

/** Reads `registry` of the daemon's configuration file. Unknown and mistyped keys are errors that name them. */
export function readRegistryObject(value: unknown, where: string): GivenOptions {
  const fail = (why: string) => invalid(`${where}: ${why}`, { code: 'bad-configuration' });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fail('must be an object');
  for (const [name, given] of Object.entries(value)) {
    const option = Object.hasOwn(registryOptions, name) ? registryOptions[name as OptionName] : undefined;
    if (option === undefined) throw fail(`unknown key "${name.slice(0, 60)}"`);
    const fits =
      option.kind === 'list'
        ? Array.isArray(given) && given.every((item) => typeof item === 'string')
        : typeof given === (option.kind === 'bool' ? 'boolean' : 'string');
    if (!fits)
      throw fail(
        `"${name}" must be ${{ list: 'a list of texts', bool: 'true or false', string: 'text' }[option.kind]}`,
      );
  }
  return value;
}

/** Checks what belongs together. Kind `invalid`, in the words of the options. */
export function resolveRegistrySettings(given: GivenOptions): RegistrySettings {
  const text = (name: OptionName): string | undefined => {
    const value = given[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const list = (name: OptionName): readonly string[] => {
    const value = given[name];
    return Array.isArray(value) ? (value as readonly string[]) : [];
  };
  const optional = <Key extends string, T>(key: Key, value: T | undefined) =>
    (value === undefined ? {} : { [key]: value }) as { [K in Key]?: T };
  const anonymousRead = given['anonymous-read'] === true;
  const tokenServer = resolveTokenServer(text);
  const users = text('htpasswd') !== undefined;
  if (!users && tokenServer === undefined && text('access-file') !== undefined)
    throw invalid('an access file needs users: give htpasswd or a token server');
  return {
    address: text('addr') ?? defaultRegistryAddress,
    root: text('root') ?? defaultRegistryRoot,
    anonymousRead,
    auth: resolveAuth(text('auth'), { anonymousRead, users, foreign: tokenServer !== undefined }),
    tokenService: text('token-service') ?? 'silo-registry',
    readOnly: given['read-only'] === true,
    upstreams: list('pull-through').map(parseUpstream),
    upstreamInsecure: list('pull-through-insecure'),
    metrics: given.metrics === true,
    page: given['no-page'] !== true,
    ...optional('htpasswd', text('htpasswd')),
    ...optional('accessFile', text('access-file')),
    ...optional('externalUrl', parseUrl('external-url', text('external-url'))),
    ...optional('tokenKey', text('token-key')),
    ...optional('tokenServer', tokenServer),
    ...optional('tls', resolveTls(text)),
    ...optional('quotaBytes', parseSize('quota', text('quota'))),
    ...optional('repositoryQuotaBytes', parseSize('repository-quota', text('repository-quota'))),
    ...optional('rateLimit', parseRate(text('rate-limit'))),
    ...optional('cacheLimitBytes', parseSize('pull-through-limit', text('pull-through-limit'))),
    ...optional('upstreamAuths', text('pull-through-auths')),
    ...optional('metricsAddress', text('metrics-addr')),
    ...optional('accessLog', text('access-log')),
  };
}

type Text = (name: OptionName) => string | undefined;

/** Docker's clients log in only when `/v2/` demands it, and then must; with tokens they get an anonymous one. So open reading goes by tokens. */
function resolveAuth(
  asked: string | undefined,
  { anonymousRead, users, foreign }: { anonymousRead: boolean; users: boolean; foreign: boolean },
): 'basic' | 'token' {
  if (asked !== undefined && asked !== 'basic' && asked !== 'token')
    throw invalid(`auth must be basic or token, not "${asked.slice(0, 40)}"`);
  if (foreign && asked === 'basic') throw invalid('with a token server of somebody else, auth is token');
  if (!users && !foreign && asked !== undefined) throw invalid('auth needs users: give htpasswd');
  return asked ?? (anonymousRead || foreign ? 'token' : 'basic');
}

function resolveTokenServer(text: Text): RegistrySettings['tokenServer'] {
  const [realm, issuer, trust] = [text('token-realm'), text('token-issuer'), text('token-trust')];
  if (realm === undefined && issuer === undefined && trust === undefined) return undefined;
  if (realm === undefined || issuer === undefined || trust === undefined)
    throw invalid('token-realm, token-issuer and token-trust belong together');
  return { realm: parseUrl('token-realm', realm) ?? realm, issuer, trust };
}

function resolveTls(text: Text): RegistrySettings['tls'] {
  const [cert, key, clientCa] = [text('tls-cert'), text('tls-key'), text('tls-client-ca')];
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  if (cert === undefined || key === undefined) throw invalid('tls-cert and tls-key belong together');
  return { cert, key, ...(clientCa === undefined ? {} : { clientCa }) };
}

function parseUrl(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.password !== '' ||
    url.hash !== ''
  )
    throw invalid(`${name} must be an address such as https://registry.example`);
  return value;
}

const periodsMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };

function parseRate(value: string | undefined): RateLimit | undefined {
  if (value === undefined) return undefined;
  const [, count = '', period = ''] = /^([1-9]\d{0,8})\/([smh])$/.exec(value) ?? [];
  const perMs = periodsMs[period];
  if (perMs === undefined)
    throw invalid(`rate-limit must be a number of requests such as 100/s, not "${value.slice(0, 40)}"`, {
      hint: 'want COUNT/s, COUNT/m or COUNT/h',
    });
  return { requests: Number(count), perMs };
}

const units: Record<string, number> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** `10GB` in powers of ten, `10GiB` in powers of two. */
function parseSize(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?$/i.exec(value);
  const [, number = '', unit = '', binary = ''] = match ?? [];
  const power = ['', 'k', 'm', 'g', 't'].indexOf(unit.toLowerCase());
  const bytes = Number(number) * (binary === '' ? (units[unit.toLowerCase()] ?? NaN) : 1024 ** power);
  if (match === null || !Number.isSafeInteger(Math.round(bytes)) || bytes < 1)
    throw invalid(`${name} must be a size such as 10GB, not "${value.slice(0, 40)}"`);
  return Math.round(bytes);
}
