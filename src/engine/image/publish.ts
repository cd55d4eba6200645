import { type ErrorKind, toSiloError } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { chainIds } from '../../foundation/oci/chain-id.ts';
import type { Digest, ImageId } from '../../foundation/oci/digest.ts';
import type { ImageConfig } from '../../foundation/oci/image-config.ts';
import type { Manifest } from '../../foundation/oci/manifest.ts';
import type { Context, LayerWish } from './context.ts';
import type { ImageRecord } from './image.ts';
import type { Lease } from './lease.ts';
import { ensureLayers, type EnsureOptions } from './ensure-layers.ts';
import type { NewNames } from './records.ts';
import { removeUnreached } from './sweep.ts';
import { tooManyLayers } from './texts.ts';

/** What Docker's storage stacks below a container's own layer, so that an image is as portable here as there. */
const layerLimit = 127;

/** An image whose manifest and configuration were checked and are in the content store. */
export interface CheckedImage {
  id: ImageId;
  manifest: Manifest;
  manifestDigest: Digest;
  config: ImageConfig;
  parent?: ImageId;
  /** Indexes above the manifest. */
  above?: readonly Digest[];
}

/** Brings the layers, then publishes the image and its names in one transaction. The lease covers what is held meanwhile. */
export async function completeImage(
  context: Context,
  lease: Lease,
  image: CheckedImage,
  options: EnsureOptions & { names: NewNames },
): Promise<ImageRecord> {
  const { manifest, config } = image;
  const wishes = layerWishes(manifest, config);
  for (const { chainId, blob } of wishes) {
    await lease.hold(chainId);
    await lease.hold(blob);
  }
  const layers = await ensureLayers(context, wishes, options);
  faultPoint('image.publish.layers-there');
  const record = context.store.publish(
    {
      id: image.id,
      manifestDigest: image.manifestDigest,
      config,
      ...(image.parent ? { parent: image.parent } : {}),
      layers,
      blobs: [
        ...(image.above ?? []),
        image.manifestDigest,
        manifest.config.digest,
        ...manifest.layers.map((layer) => layer.digest),
      ],
    },
    options.names,
    context.now(),
  );
  faultPoint('image.publish.published');
  return record;
}

/** What must be there for each layer. */
export function layerWishes(manifest: Manifest, config: ImageConfig): LayerWish[] {
  const { diff_ids } = config.rootfs;
  if (diff_ids.length > layerLimit) throw tooManyLayers(diff_ids.length, layerLimit);
  const chain = chainIds(diff_ids);
  return manifest.layers.flatMap((blob, index) => {
    const diffId = diff_ids[index];
    const chainId = chain[index];
    return diffId && chainId ? [{ chainId, diffId, blob: blob.digest }] : [];
  });
}

/** Failures after which another attempt goes on with what has come. */
const passing: readonly ErrorKind[] = ['canceled', 'unavailable', 'timeout', 'unauthorized'];

/**
 * Runs a transfer under a lease. What it brought and nobody reaches is deleted at the end, be it a broken image's layers or an archive's
 * blobs that belong to no image; but when it failed for a reason that another attempt may not have, it stays for that attempt.
 */
export async function underLease<T>(context: Context, work: (lease: Lease) => Promise<T>): Promise<T> {
  const lease = context.leases.open();
  let brought: Digest[] = [];
  try {
    const result = await work(lease);
    brought = [...lease.held];
    return result;
  } catch (error) {
    if (!passing.includes(toSiloError(error).kind)) brought = [...lease.held];
    throw error;
  } finally {
    lease[Symbol.dispose]();
    await removeUnreached(context, { blobs: brought, layers: brought }).catch((error: unknown) =>
      context.log.warn('cannot clean up after a transfer', { error: String(error) }),
    );
  }
}
