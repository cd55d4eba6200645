import { toSiloError } from '../../foundation/base/errors.ts';
import type { Digest } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { RegistryContext } from './context.ts';
import { loadGraph } from './graph.ts';
import type { CollectOptions, CollectReport, RegistryUpkeep } from './registry.ts';
import type { RepositoryState } from './repository-state.ts';

/** An upload on which nothing was written for so long is given up. */
const uploadPatienceMs = 24 * 3_600_000;

export function createUpkeep(context: RegistryContext): RegistryUpkeep {
  const { store, leases, log } = context;
  let running: Promise<unknown> = Promise.resolve();
  const collect = async (options: CollectOptions): Promise<CollectReport> => {
    const report: CollectReport = { manifests: 0, blobs: 0, freedBytes: 0 };
    for (const name of await store.blobs.holders()) {
      try {
        await collectRepository(context, name, { options, report });
      } catch (thrown) {
        // What cannot be read whole keeps all that it has.
        log.warn('a repository was not collected', { repository: name, reason: toSiloError(thrown).message });
      }
    }
    if (options.dryRun === true) return report;
    report.freedBytes = await store.blobs.sweep(leases.horizonMs());
    await store.uploads.sweep(Date.now() - uploadPatienceMs);
    return report;
  };
  return {
    collectGarbage(options = {}) {
      // One after another.
      const mine = running.then(() => collect(options));
      running = mine.catch(() => undefined);
      return mine;
    },
    async usage(repository) {
      const total = { blobs: 0, sizeBytes: 0 };
      for await (const { sizeBytes } of store.blobs.list(repository)) {
        total.blobs++;
        total.sizeBytes += sizeBytes;
      }
      return total;
    },
  };
}

interface Collecting {
  options: CollectOptions;
  report: CollectReport;
}

async function collectRepository(
  context: RegistryContext,
  name: RepositoryName,
  { options, report }: Collecting,
): Promise<void> {
  const { store, repositories, leases, locks } = context;
  const state = await repositories.getOrCreate(name);
  await loadGraph(context, state);
  if (options.untagged === true) await collectUntagged(context, name, { options, report });
  for await (const { digest, sizeBytes, changedMs } of store.blobs.list(name)) {
    const isGarbage = (current: RepositoryState): boolean =>
      !current.has(digest) && !current.isReferred(digest) && !leases.protects(name, digest, changedMs);
    if (!isGarbage(state)) continue;
    if (options.dryRun === true) {
      report.blobs++;
      report.freedBytes += sizeBytes;
      continue;
    }
    const removed = await locks.run(name, async () => {
      // Within the lock in which manifests are made to refer: nobody can refer to it between this look and the deletion.
      // What the disk still refers to stays: it is what a death, or a disk that is full, would leave.
      await repositories.settled(name);
      const current = await repositories.getOrCreate(name);
      await loadGraph(context, current);
      const found = isGarbage(current) ? await store.blobs.find(name, digest) : undefined;
      if (found === undefined || leases.protects(name, digest, found.changedMs)) return false;
      return store.blobs.remove(name, digest);
    });
    if (removed) report.blobs++;
  }
  if (options.dryRun !== true) await removeEmpty(context, name);
}

/** A repository without a manifest and without a blob is none. */
async function removeEmpty(
  { store, repositories, locks }: RegistryContext,
  name: RepositoryName,
): Promise<void> {
  await locks.run(name, async () => {
    const [manifest] = (await repositories.getOrCreate(name)).manifests();
    if (manifest !== undefined) return;
    for await (const blob of store.blobs.list(name)) if (blob.sizeBytes >= 0) return;
    await repositories.remove(name);
  });
}

/** Removes manifests without a tag that no index names and that do not belong to a manifest that stays. */
async function collectUntagged(
  context: RegistryContext,
  name: RepositoryName,
  { options, report }: Collecting,
): Promise<void> {
  const { store, repositories, leases, locks } = context;
  const state = await repositories.get(name);
  const reached = reachable(state);
  const condemned = new Set<Digest>();
  for (const { digest } of state.manifests()) {
    if (reached.has(digest)) continue;
    const found = await store.blobs.find(name, digest);
    if (found !== undefined && leases.protects(name, digest, found.changedMs)) continue;
    condemned.add(digest);
  }
  report.manifests += condemned.size;
  if (options.dryRun === true || condemned.size === 0) return;
  const changed = await locks.run(name, async () => {
    const current = await repositories.get(name);
    await loadGraph(context, current);
    const kept = reachable(current);
    for (const digest of condemned)
      if (!kept.has(digest) && !leases.protects(name, digest, 0)) current.removeManifest(digest);
    return current;
  });
  await repositories.save(changed);
}

/** Tagged manifests, what their indexes name, and what was attached to any of these. */
function reachable(state: RepositoryState): ReadonlySet<Digest> {
  const attached = Map.groupBy(
    [...state.manifests()].map(({ digest }) => digest),
    (digest) => state.facts(digest)?.subject,
  );
  const kept = new Set<Digest>(state.tagged());
  // A set is walked in order of insertion, what is added on the way included.
  for (const digest of kept) {
    for (const child of state.facts(digest)?.children ?? []) kept.add(child.digest);
    for (const referrer of attached.get(digest) ?? []) kept.add(referrer);
  }
  return kept;
}
