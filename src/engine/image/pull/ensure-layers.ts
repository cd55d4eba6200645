import { notFound } from '../../../foundation/base/errors.ts';
import type { Context, LayerNote, LayerWish } from '../context.ts';
import type { Flight } from '../shared-work.ts';
import type { StoredLayer } from '../records/records.ts';
import { unpackStored } from './unpack.ts';

/** Brings a layer that is in neither store; by default there is no such way. */
export type BringLayer = (layer: LayerWish, flight: Flight<LayerNote>) => Promise<StoredLayer>;

export interface EnsureOptions {
  signal?: AbortSignal | undefined;
  noteFor: (layer: LayerWish) => (note: LayerNote) => void;
  bring?: BringLayer;
  /** A layer that was unpacked ahead of its name. */
  take?: (layer: LayerWish) => Promise<StoredLayer | undefined>;
}

/**
 * All layers of an image, lowest first: each is found by its chain id, unpacked from its blob, or brought. They come side by side, since a
 * layer's folder does not depend on those below. The first failure stops the others; it is thrown once all have ended.
 */
export async function ensureLayers(
  context: Context,
  wishes: readonly LayerWish[],
  options: EnsureOptions,
): Promise<StoredLayer[]> {
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  let failure: { error: unknown } | undefined;
  const work = wishes.map(async (layer) => {
    const onNote = options.noteFor(layer);
    onNote({ phase: 'waiting' });
    try {
      const stored = await context.unpacks.join(layer.chainId, { signal, onNote }, (flight) =>
        ensureLayer(context, layer, flight, options),
      );
      return [stored];
    } catch (error) {
      failure ??= { error };
      failed.abort(error);
      return [];
    }
  });
  const stored = (await Promise.all(work)).flat();
  if (failure) throw failure.error;
  return stored;
}

async function ensureLayer(
  context: Context,
  layer: LayerWish,
  flight: Flight<LayerNote>,
  { bring = nowhere, take }: Pick<EnsureOptions, 'bring' | 'take'>,
): Promise<StoredLayer> {
  const there = await context.layers.find(layer.chainId);
  if (there) {
    flight.note({ phase: 'exists' });
    return { chainId: layer.chainId, sizeBytes: there.sizeBytes };
  }
  const blob = await context.content.find(layer.blob);
  if (!blob) return bring(layer, flight);
  flight.note({ phase: 'extracting' });
  const stored = (await take?.(layer)) ?? (await unpackStored(context, layer, blob.path, flight.signal));
  flight.note({ phase: 'complete' });
  return stored;
}

function nowhere(layer: LayerWish): Promise<never> {
  return Promise.reject(notFound(`layer ${layer.blob} is missing`, { code: 'layer-missing' }));
}
