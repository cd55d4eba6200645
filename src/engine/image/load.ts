import type { Readable } from 'node:stream';
import { faultPoint } from '../../foundation/base/fault.ts';
import { sha256 } from '../../foundation/oci/digest.ts';
import { parseImageConfig } from '../../foundation/oci/image-config.ts';
import { type Manifest, manifestLimits, parseManifest } from '../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../foundation/oci/media-types.ts';
import { familiarName, formatReference } from '../../foundation/oci/reference.ts';
import type { ArchivedImage } from './archive/archived-image.ts';
import { createEarlyUnpack } from './archive/early-unpack.ts';
import { imagesOf } from './archive/images.ts';
import { receiveArchive } from './archive/receive.ts';
import { announceImage } from './announce.ts';
import type { Context } from './context.ts';
import type { LoadedImage, TransferOptions } from './image.ts';
import type { Lease } from './lease.ts';
import { layerProgress } from './progress.ts';
import { type CheckedImage, completeImage, underLease } from './publish.ts';
import { manifestOf } from './rootfs-image.ts';
import { configLimitBytes, putSmall } from './small-blobs.ts';

/**
 * Takes images in from what `docker save`, skopeo or buildx wrote. Each is published once it is whole, so a broken second image does not
 * take the first one back. Diff ids are compared; blobs whose file name is a digest are compared with it.
 */
export function loadArchive(
  context: Context,
  archive: Readable,
  options: TransferOptions,
): Promise<LoadedImage[]> {
  const { signal, onProgress } = options;
  return underLease(context, async (lease) => {
    await using early = createEarlyUnpack(context, signal);
    const content = await receiveArchive(context, lease, archive, {
      signal,
      onBlob: (blob) => early.offer(blob),
    });
    const loaded: LoadedImage[] = [];
    for (const archived of await imagesOf(context, content)) {
      const image = await checkImage(context, lease, archived);
      const tags = archived.references.map(formatReference);
      const record = await completeImage(context, lease, image, {
        signal,
        names: { tags, digests: [] },
        noteFor: (layer) => layerProgress(layer.blob, context.now, onProgress),
        take: (layer) => early.take(layer),
      });
      faultPoint('image.load.published');
      announceImage(context, 'load', record);
      loaded.push({ id: record.id, tags });
      for (const reference of archived.references)
        onProgress?.({ kind: 'loaded', reference: familiarName(reference), id: record.id });
      if (archived.references.length === 0) onProgress?.({ kind: 'loaded', id: record.id });
    }
    return loaded;
  });
}

async function checkImage(context: Context, lease: Lease, archived: ArchivedImage): Promise<CheckedImage> {
  const bytes = await context.content.readSmall(archived.config, configLimitBytes);
  const config = parseImageConfig(bytes, archived.layers.length);
  const id = sha256(bytes);
  for (const digest of archived.above) await lease.hold(digest);
  if (archived.manifest) {
    await lease.hold(archived.manifest);
    const document = await context.content.readSmall(archived.manifest, manifestLimits.documentBytes);
    return {
      id,
      manifest: parseManifest(document),
      manifestDigest: archived.manifest,
      config,
      above: archived.above,
    };
  }
  const descriptor = { mediaType: mediaTypes.ociConfig, digest: archived.config, size: bytes.byteLength };
  const manifest: Manifest = manifestOf(
    descriptor,
    archived.layers.map(
      // A layer that the archive left out is taken as it is when uncompressed; it may be unpacked here already.
      (layer, place) =>
        layer ?? { mediaType: mediaTypes.ociLayer, digest: config.rootfs.diff_ids[place] ?? id, size: 0 },
    ),
  );
  const document = Buffer.from(JSON.stringify(manifest));
  const manifestDigest = sha256(document);
  await lease.hold(manifestDigest);
  await putSmall(context, document, manifestDigest);
  return { id, manifest, manifestDigest, config };
}
