import { recompress } from '../../../foundation/archive/compression-streams.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { type LayerCompression, layerType, mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Context } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import type { LayerForm } from './assembly.ts';
import { ingestStream } from '../compose/ingest-stream.ts';
import type { Lease } from '../lease.ts';
import { requireBlob } from '../push/outgoing.ts';
import { runInTurn } from '../shared-work.ts';

export type Family = 'oci' | 'docker';

const typesOf: Record<Family, Record<LayerCompression, string>> = {
  oci: { none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd },
  docker: {
    none: mediaTypes.dockerLayer,
    gzip: mediaTypes.dockerLayerGzip,
    zstd: mediaTypes.dockerLayerZstd,
  },
};

/** What is asked for leaves this layer as it is. */
function targetOf(own: LayerCompression, { compression, isForced }: LayerForm): LayerCompression {
  return compression !== undefined && (own === 'none' || isForced) ? compression : own;
}

/**
 * The layer in the compression and the family that are asked for; new bytes are stored and held. The same input gives the same bytes. Foreign layers, whose
 * bytes are elsewhere, stay what they are.
 */
export async function convertLayer(
  context: Context,
  lease: Lease,
  {
    image,
    descriptor,
    form,
    family,
    signal,
  }: { image: ImageRecord; descriptor: Descriptor; form: LayerForm; family: Family; signal: AbortSignal },
): Promise<Descriptor> {
  const own = layerType(descriptor.mediaType);
  if (own === undefined || own.foreign) return descriptor;
  const target = targetOf(own.compression, form);
  const mediaType = typesOf[family][target];
  if (target === own.compression && !(form.isForced && form.level !== undefined))
    return mediaType === descriptor.mediaType ? descriptor : { ...descriptor, mediaType };
  await requireBlob(context, lease, { image, descriptor, signal });
  const { level } = form;
  const blob = await runInTurn(context.unpackTurns, signal, 'compressing a layer', async () =>
    ingestStream(
      context,
      lease,
      recompress(await context.content.read(descriptor.digest), {
        compression: target,
        ...(level === undefined ? {} : { level }),
      }),
      { signal, what: 'compressing a layer' },
    ),
  );
  const { annotations } = descriptor;
  return { mediaType, digest: blob.digest, size: blob.sizeBytes, ...(annotations ? { annotations } : {}) };
}
