import { faultPoint } from '../../../foundation/base/fault.ts';
import type { ChainId, Digest } from '../../../foundation/oci/digest.ts';
import type { Context } from '../context.ts';

export interface Candidates {
  blobs: Iterable<Digest>;
  /** Removed in this order. */
  layers: Iterable<ChainId>;
}

/** Deletes those candidates that no image, container or lease reaches. Safe beside pulls: see `Leases`. */
export async function removeUnreached(
  context: Context,
  candidates: Candidates,
): Promise<{ layers: ChainId[]; reclaimedBytes: number }> {
  const { content, layers, leases, store, users } = context;
  const removed: ChainId[] = [];
  let reclaimedBytes = 0;
  // Layers first: a blob can be fetched for a layer again, not the other way round.
  for (const chainId of candidates.layers) {
    const isReached = (): boolean => store.hasLayer(chainId) || includes(users.layersInUse(), chainId);
    await leases.removeUnheld(chainId, isReached, async () => {
      const found = await layers.find(chainId);
      if (!found) return;
      await layers.remove(chainId);
      removed.push(chainId);
      reclaimedBytes += found.sizeBytes;
      faultPoint('image.sweep.layer-removed');
    });
  }
  for (const digest of candidates.blobs)
    await leases.removeUnheld(
      digest,
      () => store.hasBlob(digest),
      async () => {
        const found = await content.find(digest);
        if (!found) return;
        await content.remove(digest);
        reclaimedBytes += found.sizeBytes;
        faultPoint('image.sweep.blob-removed');
      },
    );
  return { layers: removed, reclaimedBytes };
}

/** A download that nobody took up again for so long is given up. */
const partialAgeMs = 24 * 3600 * 1000;

/** Mark and sweep over everything in the stores. Partial downloads of the last day stay for the next attempt. */
export async function sweep(context: Context): Promise<{ reclaimedBytes: number }> {
  await context.content.sweepPartial(context.now() - partialAgeMs);
  const [blobs, layers] = await Promise.all([context.content.list(), context.layers.list()]);
  const { reclaimedBytes } = await removeUnreached(context, {
    blobs: blobs.map((blob) => blob.digest),
    layers: layers.map((layer) => layer.chainId),
  });
  return { reclaimedBytes };
}

function includes<T>(values: Iterable<T>, wanted: T): boolean {
  for (const value of values) if (value === wanted) return true;
  return false;
}
