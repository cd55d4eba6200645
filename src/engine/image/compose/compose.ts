import { clampTimes } from '../../../foundation/archive/clamp-times.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { type DiffId, type ImageId, sha256 } from '../../../foundation/oci/digest.ts';
import type { ImageConfig, ImageHistory } from '../../../foundation/oci/image-config.ts';
import { type Manifest, manifestLimits, parseManifest } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import { hostPlatform } from '../../../foundation/oci/platform.ts';
import { formatReference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import { announceTag } from '../announce.ts';
import type { Context } from '../context.ts';
import type { EnsureOptions } from '../pull/ensure-layers.ts';
import type { ComposeRequest, ImageRecord } from '../image.ts';
import { ingestStream } from './ingest-stream.ts';
import type { Lease } from '../lease.ts';
import { completeImage, underLease } from '../pull/publish.ts';
import { manifestOf } from './rootfs-image.ts';
import { putSmall } from '../small-blobs.ts';
import { noSuchImage } from '../texts.ts';

interface Base {
  id: ImageId;
  config: ImageConfig;
  manifest: Manifest;
}

/**
 * The layer is kept uncompressed: its digest is then its diff id, so that one pass over the stream is enough. It is unpacked from the blob like any
 * layer that came from elsewhere, so that the image holds here what it will hold anywhere.
 */
export function composeImage(context: Context, request: ComposeRequest): Promise<ImageRecord> {
  const { signal } = request;
  return underLease(context, async (lease) => {
    const base = request.base && (await holdBase(context, lease, request.base, request.baseLayers));
    const above = request.above && (await holdBase(context, lease, request.above));
    const layer =
      request.layer &&
      (await ingestStream(context, lease, layerOf(request.layer, request), { signal, what: 'the commit' }));
    faultPoint('image.compose.layer-stored');
    const diffIds = [...(layer ? [layer.digest] : []), ...(above?.config.rootfs.diff_ids ?? [])];
    const config = configOf(request, base?.config, diffIds);
    const configBytes = Buffer.from(JSON.stringify(config));
    const id = sha256(configBytes);
    const manifest = manifestAbove(base?.manifest, { id, size: configBytes.byteLength }, [
      ...(layer ? [{ digest: layer.digest, size: layer.sizeBytes }] : []),
      ...(above?.manifest.layers ?? []),
    ]);
    const manifestBytes = Buffer.from(JSON.stringify(manifest));
    const manifestDigest = sha256(manifestBytes);
    for (const digest of [id, manifestDigest]) await lease.hold(digest);
    const documents = Promise.all([
      putSmall(context, configBytes, id),
      putSmall(context, manifestBytes, manifestDigest),
    ]).then(() => faultPoint('image.compose.config-stored'));
    const name = request.reference && withDefaultTag(request.reference);
    const completing = completeImage(
      context,
      lease,
      { id, manifest, manifestDigest, config, ...(base ? { parent: base.id } : {}) },
      {
        signal,
        documents,
        ...(request.mayBeLost ? { mayBeLost: true } : {}),
        ...takingFolder(context, request.layerFolder, layer?.digest),
        names: { tags: name ? [formatReference(name)] : [], digests: [] },
        noteFor: () => () => undefined,
      },
    );
    // Nothing is written any more when the lease ends.
    await Promise.allSettled([completing, documents]);
    const image = await completing;
    if (name) announceTag(context, image, name);
    return image;
  });
}

const layerOf = (
  layer: AsyncIterable<Uint8Array>,
  { latestMtimeSec }: Pick<ComposeRequest, 'latestMtimeSec'>,
): AsyncIterable<Uint8Array> => (latestMtimeSec === undefined ? layer : clampTimes(layer, latestMtimeSec));

/** The same layer may be there twice; the folder is but once. */
function takingFolder(
  { layers }: Pick<Context, 'layers'>,
  folder: ComposeRequest['layerFolder'],
  diffId: DiffId | undefined,
): Pick<EnsureOptions, 'take'> {
  let isGiven = false;
  if (!folder) return {};
  return {
    async take(layer) {
      if (isGiven || layer.diffId !== diffId) return undefined;
      isGiven = true;
      await using staged = await layers.stage(layer.chainId);
      await staged.take(folder.path);
      const { chainId, sizeBytes } = await staged.commit(folder);
      return { chainId, sizeBytes };
    },
  };
}

/** The base cannot go while the lease lasts. */
async function holdBase(context: Context, lease: Lease, id: ImageId, layers?: number): Promise<Base> {
  const record = context.store.find(id);
  if (!record) throw noSuchImage(id);
  for (const digest of [...context.store.blobsOf(id), ...record.layers]) await lease.hold(digest);
  const document = await context.content.readSmall(record.manifestDigest, manifestLimits.documentBytes);
  const manifest = parseManifest(document);
  if (layers === undefined) return { id, config: record.config, manifest };
  const { rootfs } = record.config;
  return {
    id,
    config: { ...record.config, rootfs: { ...rootfs, diff_ids: rootfs.diff_ids.slice(0, layers) } },
    manifest: { ...manifest, layers: manifest.layers.slice(0, layers) },
  };
}

function configOf(
  request: ComposeRequest,
  base: ImageConfig | undefined,
  diffIds: readonly DiffId[],
): ImageConfig {
  const { author, createdBy, comment } = request;
  const created = new Date(request.createdAtMs).toISOString();
  const step: ImageHistory = {
    created,
    ...(author ? { author } : {}),
    ...(createdBy ? { created_by: createdBy } : {}),
    ...(comment ? { comment } : {}),
    ...(diffIds.length > 0 ? {} : { empty_layer: true }),
  };
  const start: ImageConfig = base ?? {
    ...(request.platform ?? hostPlatform()),
    rootfs: { type: 'layers', diff_ids: [] },
  };
  const {
    author: _author,
    created: _created,
    docker_version: _dockerVersion,
    config: _config,
    rootfs,
    history,
    ...platform
  } = start;
  return {
    created,
    ...(author ? { author } : {}),
    ...platform,
    config: request.run,
    rootfs: { type: 'layers', diff_ids: [...rootfs.diff_ids, ...diffIds] },
    history: request.history
      ? [...request.history]
      : request.keepsHistory
        ? (history ?? [])
        : [...(history ?? []), step],
  };
}

/** In the family of media types of the base: registries and old clients do not like them mixed. */
function manifestAbove(
  base: Manifest | undefined,
  config: { id: ImageId; size: number },
  layers: readonly Pick<Descriptor, 'digest' | 'size'>[],
): Manifest {
  const isDocker = base?.mediaType === mediaTypes.dockerManifest;
  const top = layers.map(({ digest, size }): Descriptor => {
    return { mediaType: isDocker ? mediaTypes.dockerLayer : mediaTypes.ociLayer, digest, size };
  });
  const manifest = manifestOf(
    {
      mediaType: isDocker ? mediaTypes.dockerConfig : mediaTypes.ociConfig,
      digest: config.id,
      size: config.size,
    },
    [...(base?.layers ?? []), ...top],
  );
  return isDocker ? { ...manifest, mediaType: mediaTypes.dockerManifest } : manifest;
}
