import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Descriptor, Platform } from '../../../foundation/oci/descriptor.ts';
import { type Digest, sha256 } from '../../../foundation/oci/digest.ts';
import type { ImageConfig, ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import type { Manifest } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import { formatReference, type Reference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import type { Context } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import { ingestStream } from './ingest-stream.ts';
import { layerProgress } from '../pull/progress.ts';
import { completeImage, underLease } from '../pull/publish.ts';
import { putSmall } from '../small-blobs.ts';
import type { TransferOptions } from '../transfers.ts';

export interface RootfsImage extends TransferOptions {
  /** Uncompressed tar. */
  tar: AsyncIterable<Uint8Array>;
  platform: Platform;
  run: ImageRunConfig;
  createdAtMs: number;
  /** What `history` shows. */
  comment: string;
  createdBy?: string;
  reference?: Reference;
}

/** One root file system as a one-layer image. The same tar, configuration and time give the same digests. */
export function makeRootfsImage(context: Context, request: RootfsImage): Promise<ImageRecord> {
  const { signal, onProgress, reference } = request;
  return underLease(context, async (lease) => {
    const layer = await ingestStream(context, lease, request.tar, { signal, what: 'the import' });
    faultPoint('image.import.layer-stored');
    const config = configOf(request, layer.digest);
    const configBytes = Buffer.from(JSON.stringify(config));
    const id = sha256(configBytes);
    const manifest = manifestOf(
      { mediaType: mediaTypes.ociConfig, digest: id, size: configBytes.byteLength },
      [{ mediaType: mediaTypes.ociLayer, digest: layer.digest, size: layer.sizeBytes }],
    );
    const manifestBytes = Buffer.from(JSON.stringify(manifest));
    const manifestDigest = sha256(manifestBytes);
    for (const [digest, bytes] of [[id, configBytes] as const, [manifestDigest, manifestBytes] as const]) {
      await lease.hold(digest);
      await putSmall(context, bytes, digest);
    }
    faultPoint('image.import.config-stored');
    return completeImage(
      context,
      lease,
      { id, manifest, manifestDigest, config },
      {
        signal,
        names: { tags: reference ? [formatReference(withDefaultTag(reference))] : [], digests: [] },
        noteFor: (wish) => layerProgress(wish.blob, context.now, onProgress),
      },
    );
  });
}

/** A manifest for an image that came without one. */
export function manifestOf(config: Descriptor, layers: Descriptor[]): Manifest {
  return { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers };
}

function configOf(request: RootfsImage, diffId: Digest): ImageConfig {
  const { platform } = request;
  const created = new Date(request.createdAtMs).toISOString();
  return {
    created,
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant ? { variant: platform.variant } : {}),
    config: request.run,
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [
      {
        created,
        ...(request.createdBy === undefined ? {} : { created_by: request.createdBy }),
        comment: request.comment,
      },
    ],
  };
}
