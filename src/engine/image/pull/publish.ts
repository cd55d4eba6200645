import { type ErrorKind, toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import { chainIds } from '../../../foundation/oci/chain-id.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest, ImageId } from '../../../foundation/oci/digest.ts';
import type { ImageConfig } from '../../../foundation/oci/image-config.ts';
import type { Manifest } from '../../../foundation/oci/manifest.ts';
import type { Context, LayerNote, LayerWish } from '../context.ts';
import type { BringContent } from './ensure-content.ts';
import { ensureContent } from './ensure-content.ts';
import type { ImageForm, ImageRecord } from '../image.ts';
import type { Lease } from '../lease.ts';
import { ensureLayers, type EnsureOptions } from './ensure-layers.ts';
import type { NewImage, NewNames } from '../records/records.ts';
import { removeUnreached } from '../records/sweep.ts';
import { tooManyLayers } from '../texts.ts';

/** What Docker's storage stacks below a container's own layer, so that an image is as portable here as there. */
const layerLimit = 127;

/** An image whose manifest and configuration were checked and are in the content store. */
export interface CheckedImage {
  id: ImageId;
  manifest: Manifest;
  manifestDigest: Digest;
  config: ImageConfig;
  parent?: ImageId;
  /** Absent: `unpacked`. */
  form?: ImageForm;
  /** Indexes above the manifest. */
  above?: readonly Digest[];
  /** Attestations about it, with all their parts. */
  attached?: readonly Descriptor[];
}

export interface CompleteOptions extends EnsureOptions {
  noteFor: (layer: { blob: Digest }) => (note: LayerNote) => void;
  names: NewNames;
  /** Brings blobs of images that stay packed. By default they have to be there. */
  bringContent?: BringContent;
  /** Of what has to be stored before the record, beside the layers. */
  documents?: Promise<void>;
  /** A power cut may take the record. */
  mayBeLost?: boolean;
  /** Blobs of what is unpacked are to be there too. */
  keepsBlobs?: boolean;
}

/** Brings the layers, then publishes the image and its names in one transaction. The lease covers what is held meanwhile. */
export function completeImage(
  context: Context,
  lease: Lease,
  image: CheckedImage,
  options: CompleteOptions,
): Promise<ImageRecord> {
  return completeImages(context, lease, [image], options);
}

/** As `completeImage` for all platforms of a name: the tags point at the first. */
export async function completeImages(
  context: Context,
  lease: Lease,
  images: readonly [CheckedImage, ...CheckedImage[]],
  options: CompleteOptions,
): Promise<ImageRecord> {
  const [first, ...others] = images;
  const whole: [NewImage, ...NewImage[]] = [await bringParts(context, lease, first, options)];
  for (const image of others) whole.push(await bringParts(context, lease, image, options));
  await options.documents;
  faultPoint('image.publish.layers-there');
  const record = context.store.publish(whole, options.names, context.now(), options);
  faultPoint('image.publish.published');
  return record;
}

async function bringParts(
  context: Context,
  lease: Lease,
  image: CheckedImage,
  options: CompleteOptions,
): Promise<NewImage> {
  const { manifest, form = 'unpacked', above = [], attached = [] } = image;
  const parts = [manifest.config, ...manifest.layers];
  const wishes = form === 'unpacked' ? layerWishes(manifest, image.config) : [];
  for (const { chainId, blob } of wishes) {
    await lease.hold(chainId);
    await lease.hold(blob);
  }
  const layers = await ensureLayers(context, wishes, options);
  const wanted = form === 'unpacked' && !options.keepsBlobs ? attached : [...parts, ...attached];
  const absent = await ensureContent(context, lease, wanted, {
    signal: options.signal,
    noteFor: options.noteFor,
    ...(options.bringContent ? { bringContent: options.bringContent } : {}),
  });
  return {
    id: image.id,
    manifestDigest: image.manifestDigest,
    config: image.config,
    ...(image.parent ? { parent: image.parent } : {}),
    form,
    contentBytes: parts.reduce((sum, { size }) => sum + size, 0),
    layers,
    blobs: [...above, image.manifestDigest, ...[...parts, ...attached].map(({ digest }) => digest)].filter(
      (digest) => !absent.has(digest),
    ),
  };
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
