import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createSingleFlight } from '../../../foundation/base/single-flight.ts';
import { isKind, toSiloError, unsupported } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Log } from '../../../foundation/base/log.ts';
import { openDatabase } from '../../../foundation/db/database.ts';
import type { RepositoryName } from '../../../foundation/oci/repository-name.ts';
import type { ContentStore } from '../../../resources/content/content.ts';
import { openContentStore } from '../../../resources/content/content-store.ts';
import type { RegistryAccess } from '../../../resources/distribution/distribution.ts';
import { createRegistryClient } from '../../../resources/distribution/registry-client.ts';
import { defaultRetry } from '../../../resources/distribution/retry.ts';
import type { Transport } from '../../../resources/distribution/transport.ts';
import { createUpstreamClient } from '../../../resources/distribution/upstream-client.ts';
import type { PageOf, Registry } from '../registry.ts';
import { type CacheIndex, openCacheIndex } from './cache-index.ts';
import { createCachedBlobs } from './cached-blobs.ts';
import { createCachedLists } from './cached-lists.ts';
import { createCachedManifests, readOnly } from './cached-manifests.ts';
import type { CacheContext, CacheKind, CacheResult, CacheUpstream } from './context.ts';
import { type Upstream, findUpstream, referenceThere } from './upstreams.ts';

/** A registry, parts of which are caches of others. */
export interface CachingRegistry extends AsyncDisposable {
  readonly registry: Registry;
  counts(): { kind: CacheKind; result: CacheResult; count: number }[];
  fetchedBytes(): number;
}

export interface CacheOptions {
  /** A folder of its own. */
  root: string;
  upstreams: readonly Upstream[];
  transport: Transport;
  /** How each upstream host is reached; credentials come from the configuration, never from a client. */
  accessTo: (host: string) => RegistryAccess;
  /** Above it what was not used for the longest time is removed. */
  limitBytes?: number | undefined;
  log: Log;
  freshMs?: number;
  patienceMs?: number;
  now?: () => number;
}

/** Partial downloads that nobody came back for. */
const partialLifeMs = 24 * 3_600_000;

/** `local` answers for all that no upstream stands behind. The cache's bytes are its own: they come and go without a manifest that needs them. */
export async function openCachingRegistry(local: Registry, options: CacheOptions): Promise<CachingRegistry> {
  const { root, log, now = Date.now, freshMs = 60_000, patienceMs = 5000, limitBytes = Infinity } = options;
  await mkdir(root, { recursive: true, mode: 0o700 });
  await using undo = new AsyncDisposableStack();
  const content = await openContentStore(join(root, 'content'));
  await content.sweepPartial(now() - partialLifeMs);
  const index = await openIndex(join(root, 'cache.db'), { log, undo });
  await reconcile(content, index, now());
  const counts = new Map<string, number>();
  const upstreamOf = createUpstreams(options);
  let trimming: Promise<void> | undefined;
  const trim = async (): Promise<void> => {
    for (let excess = index.storedBytes() - limitBytes; excess > 0;) {
      const candidates = index.leastUsed(100).filter(({ digest }) => !blobs.isBusy(digest));
      if (candidates.length === 0) return;
      for (const { digest, sizeBytes } of candidates) {
        if (excess <= 0) return;
        index.removed(digest);
        faultPoint('registry.cache.unlisted');
        await content.remove(digest);
        excess -= sizeBytes;
      }
    }
  };
  const context: CacheContext = {
    index,
    content,
    upstreamOf,
    freshMs,
    patienceMs,
    now,
    log,
    flights: createSingleFlight(),
    count(kind, result) {
      const key = `${kind} ${result}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    trim() {
      trimming ??= trim()
        .catch((error: unknown) =>
          log.warn('the cache was not trimmed', { reason: toSiloError(error).message }),
        )
        .finally(() => (trimming = undefined));
    },
  };
  const blobs = createCachedBlobs(context);
  // A run that died may have left more than the limit, or the limit is another.
  context.trim();
  const kept = undo.move();
  return {
    registry: route(local, options.upstreams, {
      manifests: createCachedManifests(context),
      blobs,
      lists: createCachedLists(context),
      usage: (repository) => Promise.resolve(index.usage(repository)),
      sweep: () => content.sweepPartial(now() - partialLifeMs),
    }),
    counts: () =>
      Array.from(counts, ([key, count]) => {
        const [kind, result] = key.split(' ') as [CacheKind, CacheResult];
        return { kind, result, count };
      }),
    fetchedBytes: () => blobs.fetchedBytes(),
    async [Symbol.asyncDispose]() {
      await trimming;
      await kept.disposeAsync();
    },
  };
}

/** All that it knows can be asked for again, so a damaged one begins anew. */
async function openIndex(
  path: string,
  { log, undo }: { log: Log; undo: AsyncDisposableStack },
): Promise<CacheIndex> {
  const open = (): CacheIndex => {
    using opened = new DisposableStack();
    const index = openCacheIndex(opened.use(openDatabase(path, { exclusive: true, checked: true })));
    undo.use(opened.move());
    return index;
  };
  try {
    return open();
  } catch (error) {
    if (!isKind(error, 'corrupt')) throw error;
    log.warn('the index of the cache begins anew', { reason: toSiloError(error).message });
    for (const suffix of ['', '-wal', '-shm']) await rm(path + suffix, { force: true });
    return open();
  }
}

/** The files are the truth: what a death left without a row would never be counted nor removed. */
async function reconcile(content: ContentStore, index: CacheIndex, nowMs: number): Promise<void> {
  const there = new Map((await content.list()).map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  const known = new Set(index.leastUsed(Number.MAX_SAFE_INTEGER).map(({ digest }) => digest));
  for (const digest of known) if (!there.has(digest)) index.removed(digest);
  for (const [digest, sizeBytes] of there) if (!known.has(digest)) index.stored(digest, sizeBytes, nowMs);
}

/** One client for each upstream, so that tokens are kept. */
function createUpstreams({ upstreams, transport, accessTo }: CacheOptions) {
  const clients = new Map<string, Omit<CacheUpstream, 'reference'>>();
  // One more attempt, then the cache's own answer, or the client's own patience.
  const retry = { ...defaultRetry, attempts: 2 };
  return (repository: RepositoryName): CacheUpstream => {
    const upstream = findUpstream(upstreams, repository);
    if (upstream === undefined) throw unsupported(`${repository} is cached from nowhere`);
    let found = clients.get(upstream.host);
    if (found === undefined) {
      const client = { transport, access: accessTo(upstream.host), retry };
      found = { client: createRegistryClient(client), questions: createUpstreamClient(client) };
      clients.set(upstream.host, found);
    }
    return { ...found, reference: referenceThere(upstream, repository) };
  };
}

interface CachedPart
  extends Pick<Registry, 'manifests' | 'blobs' | 'lists'>, Pick<Registry['upkeep'], 'usage'> {
  sweep(): Promise<void>;
}

/** Sends each question to whoever knows the repository. */
function route(local: Registry, upstreams: readonly Upstream[], cached: CachedPart): Registry {
  const isCached = (repository: RepositoryName): boolean => findUpstream(upstreams, repository) !== undefined;
  const reader = (repository: RepositoryName): Pick<Registry, 'manifests' | 'blobs' | 'lists'> =>
    isCached(repository) ? cached : local;
  const uploads = (repository: RepositoryName): Registry['uploads'] => {
    if (isCached(repository)) throw readOnly();
    return local.uploads;
  };
  return {
    manifests: {
      info: (repository, reference) => reader(repository).manifests.info(repository, reference),
      get: (repository, reference) => reader(repository).manifests.get(repository, reference),
      put: (repository, reference, document) =>
        reader(repository).manifests.put(repository, reference, document),
      remove: (repository, reference) => reader(repository).manifests.remove(repository, reference),
    },
    blobs: {
      info: (repository, digest) => reader(repository).blobs.info(repository, digest),
      open: (repository, digest) => reader(repository).blobs.open(repository, digest),
      mount: async (repository, digest, from) =>
        isCached(from) || isCached(repository) ? false : local.blobs.mount(repository, digest, from),
      remove: (repository, digest) => reader(repository).blobs.remove(repository, digest),
    },
    uploads: {
      start: async (repository, options) => uploads(repository).start(repository, options),
      status: async (repository, id) => uploads(repository).status(repository, id),
      append: async (repository, id, chunk) => uploads(repository).append(repository, id, chunk),
      finish: async (repository, id, digest, chunk) =>
        uploads(repository).finish(repository, id, digest, chunk),
      cancel: async (repository, id) => uploads(repository).cancel(repository, id),
      underWay: () => local.uploads.underWay(),
    },
    lists: {
      repositories: async (page) =>
        merge(await local.lists.repositories(page), await cached.lists.repositories(page), page?.limit),
      tags: (repository, page) => reader(repository).lists.tags(repository, page),
      referrers: (repository, subject, options) =>
        reader(repository).lists.referrers(repository, subject, options),
    },
    upkeep: {
      async collectGarbage(options) {
        const report = await local.upkeep.collectGarbage(options);
        if (options?.dryRun !== true) await cached.sweep();
        return report;
      },
      usage: (repository) =>
        isCached(repository) ? cached.usage(repository) : local.upkeep.usage(repository),
    },
  };
}

function merge<T extends string>(one: PageOf<T>, other: PageOf<T>, limit = Infinity): PageOf<T> {
  const lastOfOne = one.more ? one.items.at(-1) : undefined;
  const lastOfOther = other.more ? other.items.at(-1) : undefined;
  // Beyond the end of an unfinished page its list has names that are not here.
  const known = (name: string): boolean =>
    (lastOfOne === undefined || name <= lastOfOne) && (lastOfOther === undefined || name <= lastOfOther);
  const all = [...new Set([...one.items, ...other.items])].toSorted();
  const items = all.filter(known).slice(0, limit);
  return { items, more: one.more || other.more || items.length < all.length };
}
