import type { Context } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import { layerWishes } from './publish.ts';

/**
 * Deletes the compressed bytes of layers that are here unpacked and can be fetched again: every image that has them came from a registry. A push, a save
 * or a repair brings them back (`requireBlob`, `refetch`). Safe at any time: what is under way holds a lease, and whatever
 * part of them is gone after a kill is what could be gone anyway.
 */
export async function dropPacked(context: Context, image: ImageRecord): Promise<void> {
  const { store, content, layers, leases } = context;
  const found = await context.documents.find(image.manifestDigest);
  if (found?.document.kind !== 'manifest' || image.form !== 'unpacked') return;
  const isNeeded = (digest: Parameters<typeof store.withBlob>[0]): boolean =>
    store.withBlob(digest).some(({ digests, form }) => digests.length === 0 || form !== 'unpacked');
  for (const { blob, chainId } of layerWishes(found.document.manifest, image.config)) {
    if (!(await layers.find(chainId))) continue;
    await leases.removeUnheld(
      blob,
      () => isNeeded(blob),
      async () => {
        await content.remove(blob);
      },
    );
  }
}
