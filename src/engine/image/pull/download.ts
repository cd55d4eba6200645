import { SiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';
import type { RegistryClient } from '../../../resources/distribution/distribution.ts';
import { type BlobFetch, fetchBlob } from '../../../resources/distribution/fetch-blob.ts';
import type { Context, DownloadNote, LayerNote, LayerWish } from '../context.ts';
import type { BringLayer } from './ensure-layers.ts';
import { type Flight, runInTurn } from '../shared-work.ts';
import type { StoredLayer } from '../records/records.ts';
import { unpackInto } from './unpack.ts';

export interface LayerSource {
  client: RegistryClient;
  reference: Reference;
  descriptors: readonly Descriptor[];
}

/**
 * Brings layers from a registry: download, hash, inflate and unpack are one stream. The download of a digest is shared by all who want it,
 * with whatever chain id; each reads the bytes as they arrive.
 */
export function layersFrom(context: Context, source: LayerSource): BringLayer {
  return async (layer, flight) => {
    const descriptor = source.descriptors.find((each) => each.digest === layer.blob);
    if (!descriptor) throw new SiloError('internal', `no descriptor of layer ${layer.blob}`);
    const stored = await streamLayer(context, layer, flight, (download) =>
      runInTurn(context.downloadTurns, download.signal, 'the download', () =>
        downloadBlob(context, source, descriptor, download),
      ),
    );
    flight.note({ phase: 'complete' });
    return stored;
  };
}

/** One blob of the repository into the content store. */
export async function downloadBlob(
  context: Context,
  { client, reference }: LayerSource,
  descriptor: Descriptor,
  flight: Flight<DownloadNote>,
): Promise<void> {
  const tell = (currentBytes: number): void =>
    flight.note({ fetch, layer: { phase: 'downloading', currentBytes, totalBytes: descriptor.size } });
  const { content } = context;
  const { signal } = flight;
  const fetch = fetchBlob({ client, reference, descriptor, content, onProgress: tell, signal });
  tell(0);
  await fetch.done;
  faultPoint('image.pull.layer-fetched');
  flight.note({ fetch, layer: { phase: 'downloaded' } });
}

async function streamLayer(
  context: Context,
  layer: LayerWish,
  flight: Flight<LayerNote>,
  work: (download: Flight<DownloadNote>) => Promise<void>,
): Promise<StoredLayer> {
  const stop = new AbortController();
  const signal = AbortSignal.any([flight.signal, stop.signal]);
  let current: BlobFetch | undefined;
  let unpacking: Promise<StoredLayer> | undefined;
  const begin = (fetch: BlobFetch): void => {
    current = fetch;
    let fetchFailed = false;
    fetch.done.catch(() => {
      fetchFailed = true;
    });
    unpacking = runInTurn(context.streamTurns, signal, 'unpacking a layer', () =>
      unpackStream(context, layer, fetch, signal),
    );
    // A layer that cannot be unpacked need not be fetched to its end, unless another chain wants it.
    unpacking.catch((error: unknown) => {
      if (!fetchFailed) stop.abort(error);
    });
  };
  const onNote = (note: DownloadNote): void => {
    if (note.fetch !== current) begin(note.fetch);
    flight.note(note.layer);
  };
  const [download] = await Promise.allSettled([context.downloads.join(layer.blob, { signal, onNote }, work)]);
  if (!unpacking) throw download.status === 'rejected' ? download.reason : noUnpack(layer);
  if (download.status === 'fulfilled') flight.note({ phase: 'extracting' });
  try {
    return await unpacking;
  } catch (error) {
    // Whichever failed first is the reason; the other only lost its partner.
    throw download.status === 'rejected' && !stop.signal.aborted ? download.reason : error;
  }
}

/** From the beginning again when what an earlier run had left of the blob, or a mirror gave, proves wrong. */
async function unpackStream(
  context: Context,
  layer: LayerWish,
  fetch: BlobFetch,
  signal: AbortSignal,
): Promise<StoredLayer> {
  for (;;) {
    try {
      return await unpackInto(context, layer, await fetch.stream(), { signal, isGenuine: fetch.done });
    } catch (error) {
      if (!(error instanceof SiloError) || signal.aborted) throw error;
      const isBadData = error.kind === 'corrupt' || error.kind === 'invalid';
      if (error.code !== 'blob-restarted' && !(isBadData && fetch.startOver())) throw error;
    }
  }
}

function noUnpack(layer: LayerWish): SiloError {
  return new SiloError('internal', `nothing was told of the download of ${layer.blob}`);
}
