import type { SingleFlight } from '../../../foundation/base/single-flight.ts';
import { type SiloError, notFound, toSiloError, unavailable } from '../../../foundation/base/errors.ts';
import type { Log } from '../../../foundation/base/log.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';
import type { RepositoryName } from '../../../foundation/oci/repository-name.ts';
import type { ContentStore } from '../../../resources/content/content.ts';
import type { RegistryClient } from '../../../resources/distribution/distribution.ts';
import type { UpstreamClient } from '../../../resources/distribution/upstream-client.ts';
import type { CacheIndex } from './cache-index.ts';

/** What the parts of the cache share. */
export interface CacheContext {
  index: CacheIndex;
  content: ContentStore;
  /** For questions whose old answer will do, when there is one: one attempt. And for those that must be answered. */
  upstreamOf: (repository: RepositoryName) => CacheUpstream;
  /** How long a tag's answer is believed without asking. */
  freshMs: number;
  /** How long an upstream may take to say whether a tag moved, when there is an old answer. */
  patienceMs: number;
  now: () => number;
  log: Log;
  count: (kind: CacheKind, result: CacheResult) => void;
  flights: SingleFlight<unknown>;
  /** Makes room after something was stored. */
  trim: () => void;
}

export type CacheKind = 'manifest' | 'blob';
export type CacheResult = 'hit' | 'miss' | 'stale';

export interface CacheUpstream {
  client: Pick<RegistryClient, 'manifest' | 'blob'>;
  questions: UpstreamClient;
  /** The repository's name there, without tag. */
  reference: Reference;
}

/** Whether nobody can tell now, as opposed to an answer that says no. */
export function isOutOfReach(thrown: unknown): boolean {
  const { kind } = toSiloError(thrown);
  return kind === 'unavailable' || kind === 'timeout' || kind === 'canceled' || kind === 'corrupt';
}

/**
 * A failure upstream in the words of our own clients. That the upstream wants a login, or refuses ours, is the operator's affair: a 401 of ours would
 * make clients send their passwords again.
 */
export function fromUpstream(
  thrown: unknown,
  unknown: 'manifest-unknown' | 'blob-unknown',
  log: Log,
): SiloError {
  const error = toSiloError(thrown);
  if (error.kind === 'unauthorized' || error.kind === 'forbidden')
    log.warn('the upstream registry refuses its cache', { reason: error.message });
  if (['not-found', 'unauthorized', 'forbidden', 'invalid'].includes(error.kind))
    return notFound(`${unknown.replace('-', ' ')} to the upstream registry`, { code: unknown, cause: error });
  if (['unavailable', 'timeout', 'corrupt'].includes(error.kind))
    return unavailable(`the upstream registry does not serve it: ${error.message}`, {
      code: 'upstream-unavailable',
      cause: error,
    });
  return error;
}
