import { forbidden, toSiloError } from '../../foundation/base/errors.ts';
import { createKeyLock } from '../../foundation/base/key-lock.ts';
import { isRepositoryName, type RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { Registry, UploadChunk } from './registry.ts';

/** How much may be stored, in bytes; shared ones count in each repository. */
export interface Quotas {
  totalBytes?: number | undefined;
  repositoryBytes?: number | undefined;
}

/** A reservation of an upload that its client left is given back after this time, when the upload itself is swept too. */
const abandonedMs = 24 * 3_600_000;

interface Reservation {
  belongsTo: (repository: RepositoryName) => boolean;
  bytes: number;
  touchedMs: number;
}

/**
 * A registry that refuses what would not fit. What arrives is reserved byte by byte as it comes, before it is written, so that many uploads at once cannot
 * pass a limit that each alone keeps; an upload that meets the limit is deleted whole.
 */
export function limitRegistry(registry: Registry, quotas: Quotas, now: () => number = Date.now): Registry {
  const { totalBytes = Infinity, repositoryBytes = Infinity } = quotas;
  if (totalBytes === Infinity && repositoryBytes === Infinity) return registry;
  const ledger = createLedger(registry, now);
  const refuse = (repository: RepositoryName): Error =>
    forbidden(`the quota of ${repository} is used up`, {
      code: 'quota-exceeded',
      hint: 'delete what is not needed and collect garbage, or ask the operator for more',
    });
  /** Reserves under the name of the upload; without one only looks. Nothing comes between the look and the reservation. */
  const claim = async (repository: RepositoryName, bytes: number, id?: string): Promise<void> => {
    await ledger.adopt();
    await ledger.count(repository);
    if (totalBytes !== Infinity) await ledger.countAll();
    const fits =
      ledger.used(repository) + bytes <= repositoryBytes &&
      (totalBytes === Infinity || ledger.usedInAll() + bytes <= totalBytes);
    if (!fits) throw refuse(repository);
    if (id !== undefined) ledger.reserve(id, repository, bytes);
  };
  /** Bytes as they come, each piece reserved before it is passed on. */
  async function* metered(
    repository: RepositoryName,
    id: string,
    chunk: UploadChunk,
  ): AsyncGenerator<Uint8Array> {
    for await (const piece of chunk.bytes) {
      await claim(repository, piece.byteLength, id);
      yield piece;
    }
  }
  const meter = (repository: RepositoryName, id: string, chunk: UploadChunk): UploadChunk => ({
    ...chunk,
    bytes: metered(repository, id, chunk),
  });
  /** An upload that met the limit leaves nothing; one with the wrong digest was deleted by the registry. */
  const orCancel = async <T>(repository: RepositoryName, id: string, work: () => Promise<T>): Promise<T> => {
    await ledger.adopt();
    try {
      return await work();
    } catch (error) {
      const { code } = toSiloError(error);
      if (code === 'quota-exceeded') await registry.uploads.cancel(repository, id).catch(() => undefined);
      if (code === 'quota-exceeded' || code === 'digest-invalid') ledger.release(id);
      throw error;
    }
  };
  return {
    ...registry,
    manifests: {
      ...registry.manifests,
      async put(repository, reference, document) {
        await claim(repository, document.bytes.byteLength);
        const result = await registry.manifests.put(repository, reference, document);
        ledger.add(repository, document.bytes.byteLength);
        return result;
      },
      async remove(repository, reference) {
        await registry.manifests.remove(repository, reference);
        ledger.forget(repository);
      },
    },
    blobs: {
      ...registry.blobs,
      async mount(repository, digest, from) {
        const known = await registry.blobs.info(repository, digest).catch(() => undefined);
        if (known !== undefined) return registry.blobs.mount(repository, digest, from);
        const there = await registry.blobs.info(from, digest).catch(() => undefined);
        if (there === undefined) return false;
        await claim(repository, there.sizeBytes);
        const mounted = await registry.blobs.mount(repository, digest, from);
        if (mounted) ledger.add(repository, there.sizeBytes);
        return mounted;
      },
      async remove(repository, digest) {
        await registry.blobs.remove(repository, digest);
        ledger.forget(repository);
      },
    },
    uploads: {
      ...registry.uploads,
      append: (repository, id, chunk) =>
        orCancel(repository, id, () => registry.uploads.append(repository, id, meter(repository, id, chunk))),
      finish: (repository, id, digest, chunk) =>
        orCancel(repository, id, async () => {
          const before = await registry.blobs.info(repository, digest).catch(() => undefined);
          await registry.uploads.finish(repository, id, digest, meter(repository, id, chunk));
          const { sizeBytes } = before ? { sizeBytes: 0 } : await registry.blobs.info(repository, digest);
          ledger.release(id);
          ledger.add(repository, sizeBytes);
        }),
      async cancel(repository, id) {
        await ledger.adopt();
        await registry.uploads.cancel(repository, id);
        ledger.release(id);
      },
    },
    upkeep: {
      ...registry.upkeep,
      async collectGarbage(options) {
        const report = await registry.upkeep.collectGarbage(options);
        ledger.forgetAll();
        return report;
      },
    },
  };
}

/** Counted once from the store, then kept along; whatever deletes makes it be counted again. */
function createLedger({ lists, upkeep, uploads }: Registry, now: () => number) {
  const used = new Map<RepositoryName, number>();
  const reserved = new Map<string, Reservation>();
  const locks = createKeyLock();
  let allCounted = false;
  let adopted: Promise<void> | undefined;
  const count = (repository: RepositoryName): Promise<number> =>
    locks.run(repository, async () => {
      const known = used.get(repository);
      if (known !== undefined) return known;
      const { sizeBytes } = await upkeep.usage(repository).catch(() => ({ sizeBytes: 0 }));
      used.set(repository, sizeBytes);
      return sizeBytes;
    });
  const countAll = (): Promise<void> =>
    // No repository has a name with a space.
    locks.run('all repositories', async () => {
      if (allCounted) return;
      for (let after: string | undefined; ;) {
        const page = await lists.repositories({ limit: 1000, ...(after === undefined ? {} : { after }) });
        for (const name of page.items) if (isRepositoryName(name)) await count(name);
        after = page.items.at(-1);
        if (!page.more || after === undefined) break;
      }
      allCounted = true;
    });
  const reservedOf = (repository?: RepositoryName): number => {
    let sum = 0;
    for (const [id, each] of reserved) {
      if (now() - each.touchedMs > abandonedMs) reserved.delete(id);
      else if (repository === undefined || each.belongsTo(repository)) sum += each.bytes;
    }
    return sum;
  };
  const adopt = async (): Promise<void> => {
    for await (const { id, sizeBytes, changedMs, belongsTo } of uploads.underWay())
      reserved.set(id, { belongsTo, bytes: sizeBytes, touchedMs: changedMs });
  };
  const forgetAll = (): void => {
    used.clear();
    allCounted = false;
  };
  return {
    /** What follows is known from then on, until it is forgotten. */
    count,
    countAll,
    /** Takes over what uploads of an earlier run hold; before the first byte of this one, so that nothing counts twice. */
    adopt: (): Promise<void> =>
      (adopted ??= adopt().catch((error: unknown) => {
        adopted = undefined;
        throw error;
      })),
    used: (repository: RepositoryName): number => (used.get(repository) ?? 0) + reservedOf(repository),
    usedInAll: (): number => Array.from(used.values()).reduce((sum, bytes) => sum + bytes, 0) + reservedOf(),
    reserve(id: string, repository: RepositoryName, bytes: number): void {
      const before = reserved.get(id)?.bytes ?? 0;
      const belongsTo = (other: RepositoryName): boolean => other === repository;
      reserved.set(id, { belongsTo, bytes: before + bytes, touchedMs: now() });
    },
    release: (id: string) => void reserved.delete(id),
    add(repository: RepositoryName, bytes: number): void {
      const known = used.get(repository);
      if (known !== undefined) used.set(repository, known + bytes);
    },
    forget(repository: RepositoryName): void {
      used.delete(repository);
      allCounted = false;
    },
    forgetAll,
  };
}
