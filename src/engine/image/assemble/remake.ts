import { sha256 } from '../../../foundation/oci/digest.ts';
import type { Manifest } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Context } from '../context.ts';
import type { AssembledImage, AssembleRequest } from './assembly.ts';
import type { Lease } from '../lease.ts';
import { holdOutgoing, type OutgoingImage } from '../push/outgoing.ts';
import { putSmall } from '../small-blobs.ts';
import { noSuchImage } from '../texts.ts';
import { convertLayer, type Family } from './convert-layer.ts';

/** The manifest of an image in the form that is asked for; the one it has when that is it already. */
export async function remakeManifest(
  context: Context,
  lease: Lease,
  wish: AssembledImage,
  request: Pick<AssembleRequest, 'layers' | 'family'> & { signal: AbortSignal },
): Promise<OutgoingImage> {
  const record = context.store.find(wish.image);
  if (!record) throw noSuchImage(wish.image);
  const outgoing = await holdOutgoing(context, lease, record);
  const { manifest, image } = outgoing;
  const family = request.family ?? familyOf(manifest);
  const { layers: form, signal } = request;
  const converting = manifest.layers.map((descriptor) =>
    convertLayer(context, lease, { image, descriptor, form, family, signal }),
  );
  // A failure is thrown once all have ended: what they store is held until then.
  await Promise.allSettled(converting);
  const layers = await Promise.all(converting);
  const annotations = { ...manifest.annotations, ...wish.annotations };
  const isSame =
    family === familyOf(manifest) &&
    Object.keys(wish.annotations ?? {}).length === 0 &&
    layers.every((layer, place) => layer === manifest.layers[place]);
  if (isSame) return outgoing;
  const made: Manifest = {
    schemaVersion: 2,
    mediaType: family === 'oci' ? mediaTypes.ociManifest : mediaTypes.dockerManifest,
    config: {
      ...manifest.config,
      mediaType: family === 'oci' ? mediaTypes.ociConfig : mediaTypes.dockerConfig,
    },
    layers,
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
  const stored = await storeDocument(context, lease, made);
  return {
    ...outgoing,
    ...stored,
    manifest: made,
    layers: outgoing.layers.map((layer, place) => ({
      ...layer,
      descriptor: layers[place] ?? layer.descriptor,
    })),
  };
}

export const familyOf = ({ mediaType }: Manifest): Family =>
  mediaType === mediaTypes.dockerManifest ? 'docker' : 'oci';

/** Stores a small blob under its digest and holds it. */
export async function storeBytes(
  context: Context,
  lease: Lease,
  bytes: Uint8Array,
): Promise<Pick<OutgoingImage, 'bytes' | 'digest'>> {
  const digest = sha256(bytes);
  await lease.hold(digest);
  await putSmall(context, bytes, digest);
  return { bytes, digest };
}

export const storeDocument = (context: Context, lease: Lease, document: object) =>
  storeBytes(context, lease, Buffer.from(JSON.stringify(document)));
