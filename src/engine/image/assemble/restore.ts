import { notFound } from '../../../foundation/base/errors.ts';
import { chainIds } from '../../../foundation/oci/chain-id.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { ChainId } from '../../../foundation/oci/digest.ts';
import type { ImageConfig } from '../../../foundation/oci/image-config.ts';
import { manifestLimits, parseManifest } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Context } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import type { RestoreRequest } from './assembly.ts';
import type { Lease } from '../lease.ts';
import { completeImage, underLease } from '../pull/publish.ts';
import { manifestOf } from '../compose/rootfs-image.ts';
import { storeBytes, storeDocument } from './remake.ts';
import { createSource } from './source.ts';

/** See `ImageAssembly.restore`. Layers that are here are not fetched, whatever they are compressed with elsewhere. */
export function restoreImage(context: Context, request: RestoreRequest): Promise<ImageRecord> {
  const { signal } = request;
  return underLease(context, async (lease) => {
    const diffIds = request.layers.map(({ diffId }) => diffId);
    const chain = chainIds(diffIds);
    const here = await layersHere(context, lease, chain);
    const descriptors = chain.map((chainId, place) => {
      const descriptor = here.get(chainId) ?? request.layers[place]?.descriptor;
      if (descriptor) return descriptor;
      throw notFound(`layer ${diffIds[place]} is neither here nor where the image comes from`, {
        code: 'layer-missing',
      });
    });
    const { history, ...others } = request.config;
    // In the order in which a step's is written: the same image then has the same id.
    const config: ImageConfig = {
      ...others,
      rootfs: { type: 'layers', diff_ids: diffIds },
      ...(history ? { history } : {}),
    };
    const stored = await storeDocument(context, lease, config);
    const manifest = manifestOf(
      { mediaType: mediaTypes.ociConfig, digest: stored.digest, size: stored.bytes.byteLength },
      descriptors,
    );
    const { digest: manifestDigest } = await storeBytes(
      context,
      lease,
      Buffer.from(JSON.stringify(manifest)),
    );
    return await completeImage(
      context,
      lease,
      { id: stored.digest, manifest, manifestDigest, config },
      {
        signal,
        names: { tags: [], digests: [] },
        noteFor: () => () => undefined,
        bring: createSource(context, request.from).layers(descriptors),
      },
    );
  });
}

/** What images that are here call their layers. */
async function layersHere(
  context: Context,
  lease: Lease,
  chain: readonly ChainId[],
): Promise<Map<ChainId, Descriptor>> {
  const wanted = new Set(chain);
  const found = new Map<ChainId, Descriptor>();
  for (const { layers, manifestDigest } of context.store.list()) {
    if (!layers.some((chainId) => wanted.has(chainId))) continue;
    await lease.hold(manifestDigest);
    const bytes = await context.content
      .readSmall(manifestDigest, manifestLimits.documentBytes)
      .catch(() => undefined);
    if (!bytes) continue;
    const manifest = parseManifest(bytes);
    for (const [place, chainId] of layers.entries()) {
      const descriptor = manifest.layers[place];
      if (!descriptor || !wanted.delete(chainId)) continue;
      await lease.hold(chainId);
      await lease.hold(descriptor.digest);
      if (await context.layers.find(chainId)) found.set(chainId, descriptor);
    }
  }
  return found;
}
