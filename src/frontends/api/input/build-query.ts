import type { IncomingHttpHeaders } from 'node:http';
import type { BuildRequest } from '../../../engine/build/solve/types.ts';
import { invalid, unsupported } from '../../../foundation/base/errors.ts';
import { parseReference, type Reference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { readBuildOutputs, readList, textOf } from './build-outputs.ts';
import { readBuildLimits } from './build-limits.ts';
import { queryFlag, queryText } from './query.ts';
import { authConfig } from './other-bodies.ts';
import { credentialsOf } from './registry-auth.ts';
import { defined } from '../translate/refuse.ts';
import type { HostLimits } from '../translate/resource-limits.ts';

export type BuildQuery = Omit<BuildRequest, 'context' | 'onProgress' | 'drained' | 'signal'> & {
  quiet: boolean;
  /** The address of the context, which then does not come with the request. */
  remote?: string;
};

/** `POST /build`: what is not done here is refused by name. `forcerm` is always so, and `rm=0` of no effect, as with BuildKit. */
export function readBuildQuery(
  query: URLSearchParams,
  headers: IncomingHttpHeaders,
  host: HostLimits,
): BuildQuery {
  if (/^[^01]/.test(query.get('version') ?? '') || (query.get('session') ?? '') !== '')
    // Docker's clients show the message alone.
    throw unsupported(
      'builds of BuildKit (version=2, session) are not served by this engine: use DOCKER_BUILDKIT=0 docker build, or silo build',
      { code: 'build-unsupported' },
    );
  const registries = readRegistries(headers);
  return defined<BuildQuery>({
    ...readBuildOutputs(query),
    ...readBuildLimits(query, host),
    dockerfile: queryText(query, 'dockerfile') ?? 'Dockerfile',
    tags: query.getAll('t').filter(Boolean).map(readTag),
    arguments: new Map(Object.entries(readWords(query, 'buildargs'))),
    labels: readWords(query, 'labels'),
    target: queryText(query, 'target'),
    noCache: queryFlag(query, 'nocache'),
    noCacheFilter: readList(query, 'nocachefilter')?.map((each) => textOf(each, 'nocachefilter')),
    pull: queryFlag(query, 'pull'),
    isSquashed: queryFlag(query, 'squash'),
    network: queryText(query, 'networkmode') ?? 'default',
    platform: queryText(query, 'platform'),
    credentialsOf: (host) =>
      registries.get(host) ??
      (host === 'docker.io' ? registries.get('https://index.docker.io/v1/') : undefined),
    quiet: queryFlag(query, 'q'),
    remote: readRemote(query),
  });
}

/** Clients that send the context themselves say so in this way, too. */
function readRemote(query: URLSearchParams): string | undefined {
  const text = queryText(query, 'remote');
  return text === undefined || text === 'client-session' ? undefined : text;
}

function readTag(text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest !== undefined)
    throw invalid('cannot import digest reference', { code: 'tag-with-digest' });
  return withDefaultTag(reference);
}

/** A JSON object of texts; null is an argument that the client's environment does not have. */
function readWords(query: URLSearchParams, name: string): Record<string, string> {
  const text = queryText(query, name);
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badWords(name);
  }
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw badWords(name);
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, word]: [string, unknown]) => {
      if (word === null) return [];
      if (typeof word !== 'string') throw badWords(name);
      return [[key, word]];
    }),
  );
}

const badWords = (name: string) =>
  invalid(`the build parameter ${name} must be a JSON object of texts`, { code: 'bad-build-parameter' });

/** `X-Registry-Config`: credentials by registry. As in Docker what cannot be read counts as none. */
function readRegistries(
  headers: IncomingHttpHeaders,
): Map<string, NonNullable<ReturnType<typeof credentialsOf>>> {
  const header = headers['x-registry-config'];
  const found = new Map<string, NonNullable<ReturnType<typeof credentialsOf>>>();
  if (typeof header !== 'string' || header === '') return found;
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    for (const [host, auth] of Object.entries(value ?? {})) {
      const credentials = credentialsOf(authConfig(auth, ''));
      if (credentials) found.set(host, credentials);
    }
  } catch {
    return found;
  }
  return found;
}
