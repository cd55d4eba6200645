import { chainIds } from '../../../foundation/oci/chain-id.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { ChainId, Digest } from '../../../foundation/oci/digest.ts';
import { type Manifest, manifestLimits } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Context } from '../context.ts';
import type { BundleRequest, LayerBundle } from './assembly.ts';
import type { Lease } from '../lease.ts';
import { holdOutgoing, type OutgoingImage, type OutgoingLayer } from '../push/outgoing.ts';
import { pushBlobs } from '../push/push-blobs.ts';
import { createMounts } from '../push/push.ts';
import { registryAccess } from '../remote/registry-access.ts';
import { writeArchive } from '../archive/write-archive.ts';
import { convertLayer } from './convert-layer.ts';
import { makeUnderLease } from './make-under-lease.ts';
import { storeBytes, storeDocument } from './remake.ts';

interface Bundled {
  owner: OutgoingImage;
  layer: OutgoingLayer;
}

/** See `ImageAssembly.bundle`. */
export const bundleLayers = (context: Context, request: BundleRequest): Promise<LayerBundle> =>
  makeUnderLease(context, 'a cache was given', async (lease, letGo) => {
    const signal = request.signal ?? new AbortController().signal;
    const bundled = await layersOf(context, lease, { ...request, signal });
    const layers = [...bundled.values()].map(({ layer }) => layer.descriptor);
    const places = new Map([...bundled.keys()].map((chainId, place) => [chainId, place]));
    const config = await storeBytes(
      context,
      lease,
      request.config((chainId) => places.get(chainId)),
    );
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: request.configType, digest: config.digest, size: config.bytes.byteLength },
      layers,
    };
    const stored = await storeDocument(context, lease, manifest);
    return createBundle(context, lease, { bundled, manifest, ...stored, letGo });
  });

/** Each once, by what it stands on: those that are nobody's own are left out, and so is what a manifest cannot hold. */
async function layersOf(
  context: Context,
  lease: Lease,
  { images, without, layers: form, signal }: BundleRequest & { signal: AbortSignal },
): Promise<Map<ChainId, Bundled>> {
  const wanted = new Map<ChainId, Bundled>();
  for (const id of images) {
    const record = context.store.find(id);
    if (!record) continue;
    const owner = await holdOutgoing(context, lease, record);
    for (const [place, chainId] of chainIds(record.config.rootfs.diff_ids).entries()) {
      const layer = owner.layers[place];
      if (layer && !layer.isForeign && !without.has(chainId) && wanted.size < manifestLimits.layers)
        wanted.set(chainId, wanted.get(chainId) ?? { owner, layer });
    }
  }
  const converting = [...wanted].map(async ([chainId, { owner, layer }]) => {
    const { image } = owner;
    const { descriptor: old } = layer;
    const descriptor = await convertLayer(context, lease, {
      image,
      descriptor: old,
      form,
      family: 'oci',
      signal,
    });
    return [chainId, { owner, layer: { ...layer, descriptor } }] as const;
  });
  await Promise.allSettled(converting);
  return new Map(await Promise.all(converting));
}

interface Made {
  bundled: ReadonlyMap<ChainId, Bundled>;
  manifest: Manifest;
  bytes: Uint8Array;
  digest: Digest;
  letGo: () => Promise<void>;
}

function createBundle(
  context: Context,
  lease: Lease,
  { bundled, manifest, bytes, digest, letGo }: Made,
): LayerBundle {
  const root: Descriptor = { mediaType: manifest.mediaType, digest, size: bytes.byteLength };
  // Each layer with the image that it is of, from which it may have to be fetched.
  const outgoing = [...bundled.values()].map(({ owner, layer }) => ({
    ...owner,
    bytes,
    digest,
    manifest: { ...manifest, layers: [layer.descriptor] },
    layers: [layer],
  }));
  return {
    root,
    async push({ reference, credentials, isInsecure, signal = new AbortController().signal, onProgress }) {
      const parts = [manifest.config, ...manifest.layers].map((each) => each.digest);
      const mounts = createMounts(context, reference, parts);
      const publisher = context.publisher({
        ...registryAccess(context, { credentials, insecureHost: isInsecure ? reference.host : undefined }),
        pushes: { mountsFrom: mounts.repositories },
      });
      const push = {
        request: {
          reference,
          ...(credentials ? { credentials } : {}),
          ...(onProgress ? { onProgress } : {}),
        },
        lease,
        publisher,
        mountFor: mounts.find,
        signal,
      };
      await pushBlobs(context, { ...push, outgoing });
      await publisher.putManifest(reference, { mediaType: manifest.mediaType, digest, bytes }, signal);
    },
    async *archive(signal = new AbortController().signal) {
      const [some] = outgoing;
      const blobs = new Map<Digest, number>(
        [manifest.config, ...manifest.layers].map((each) => [each.digest, each.size]),
      );
      blobs.set(digest, bytes.byteLength);
      const chosen = some ? [{ outgoing: plainly(some, manifest), names: [] }] : [];
      yield* writeArchive(context, { chosen, blobs, kind: 'oci', signal });
    },
    [Symbol.asyncDispose]: letGo,
  };
}

/** It is no image of a platform. */
const plainly = (some: OutgoingImage, manifest: Manifest): OutgoingImage => ({
  ...some,
  manifest,
  image: { ...some.image, config: { os: '', architecture: '', rootfs: { type: 'layers', diff_ids: [] } } },
});
