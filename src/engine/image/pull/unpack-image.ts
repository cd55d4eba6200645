import { parseManifest, manifestLimits } from '../../../foundation/oci/manifest.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Context } from '../context.ts';
import { ensureLayers } from './ensure-layers.ts';
import { requireRunnable } from '../form.ts';
import type { ImageRecord } from '../image.ts';
import { requireBlob } from '../push/outgoing.ts';
import { layerWishes, underLease } from './publish.ts';
import { noSuchImage } from '../texts.ts';

/** Unpacks an image that came along packed. Who wants the same meanwhile shares the work, layer by layer. */
export async function unpackImage(
  context: Context,
  id: ImageId,
  signal: AbortSignal = new AbortController().signal,
): Promise<ImageRecord> {
  const found = context.store.find(id);
  if (!found) throw noSuchImage(id);
  requireRunnable(found);
  if (found.form === 'unpacked') return found;
  return underLease(context, async (lease) => {
    for (const digest of context.store.blobsOf(id)) await lease.hold(digest);
    const image = context.store.find(id);
    if (!image) throw noSuchImage(id);
    const bytes = await context.content.readSmall(image.manifestDigest, manifestLimits.documentBytes);
    const manifest = parseManifest(bytes);
    const wishes = layerWishes(manifest, image.config);
    for (const { chainId } of wishes) await lease.hold(chainId);
    for (const descriptor of manifest.layers)
      await requireBlob(context, lease, { image, descriptor, signal });
    const layers = await ensureLayers(context, wishes, { signal, noteFor: () => () => undefined });
    faultPoint('image.unpack.layers-there');
    if (!context.store.find(id)) throw noSuchImage(id);
    context.store.setUnpacked(id, layers);
    faultPoint('image.unpack.recorded');
    return context.store.find(id) ?? image;
  });
}
