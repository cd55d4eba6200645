import type { Readable } from 'node:stream';
import { notFound } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import { bestFor, formatPlatform } from '../../../foundation/oci/platform.ts';
import { familiarName, formatReference } from '../../../foundation/oci/reference.ts';
import type { ArchivedImages } from './archived-image.ts';
import { createEarlyUnpack } from './early-unpack.ts';
import { imagesOf } from './images.ts';
import { receiveArchive } from './receive.ts';
import { announceImage } from '../announce.ts';
import type { Context } from '../context.ts';
import { isOurs } from '../form.ts';
import type { ImageTransfers, LoadedImage } from '../transfers.ts';
import { layerProgress } from '../pull/progress.ts';
import { completeImages, underLease } from '../pull/publish.ts';
import { platformOf } from '../names/resolve.ts';

/**
 * Takes images in from what `docker save`, skopeo or buildx wrote: of an index all platforms that the archive has, or one. Each entry is published once
 * it is whole, so a broken second image does not take the first one back. Diff ids are compared; blobs whose file name is a digest are compared with it.
 */
export function loadArchive(
  context: Context,
  archive: Readable,
  options: Parameters<ImageTransfers['load']>[1],
): Promise<LoadedImage[]> {
  const { signal, onProgress, platform } = options;
  return underLease(context, async (lease) => {
    await using early = createEarlyUnpack(context, signal);
    const content = await receiveArchive(context, lease, archive, {
      signal,
      onBlob: (blob) => early.offer(blob),
    });
    const loaded: LoadedImage[] = [];
    const archived = await imagesOf(context, lease, content);
    for (const { images, target, references } of platform ? only(platform, archived) : archived) {
      const tags = references.map(formatReference);
      const record = await completeImages(context, lease, images, {
        signal,
        names: { tags, digests: [], ...(target ? { target } : {}) },
        noteFor: (layer) => layerProgress(layer.blob, context.now, onProgress),
        take: (layer) => early.take(layer),
      });
      faultPoint('image.load.published');
      announceImage(context, 'load', record);
      loaded.push({ id: record.id, tags });
      for (const reference of references)
        onProgress?.({ kind: 'loaded', reference: familiarName(reference), id: record.id });
      if (references.length === 0) onProgress?.({ kind: 'loaded', id: record.id });
    }
    return loaded;
  });
}

/** The platform's image of each entry that has it. */
function only(platform: Platform, archived: readonly ArchivedImages[]): ArchivedImages[] {
  const chosen = archived.flatMap((entry): ArchivedImages[] => {
    const candidates = entry.images.filter(({ form }) => form !== 'artifact');
    const image = bestFor(platform, candidates, platformOf);
    if (!image) return [];
    return [
      { ...entry, images: [{ ...image, form: isOurs(image.config) ? 'unpacked' : 'packed', attached: [] }] },
    ];
  });
  if (chosen.length > 0) return chosen;
  throw notFound(`the archive has no image for the platform ${formatPlatform(platform)}`, {
    code: 'no-matching-platform',
    hint: `it has images for ${[...new Set(archived.flatMap(({ images }) => images.map((image) => formatPlatform(platformOf(image)))))].slice(0, 20).join(', ')}`,
  });
}
