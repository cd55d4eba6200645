import { faultPoint } from '../../../foundation/base/fault.ts';
import { Readable } from 'node:stream';
import type { Context, LayerWish } from '../context.ts';
import { runInTurn } from '../shared-work.ts';
import type { StoredLayer } from '../records/records.ts';

/**
 * Unpacks one layer into a private folder; the unpacker compares the content with the diff id. The folder gets its name only after
 * `isGenuine` resolved: the bytes were compared with the blob's digest too. A folder without a name is deleted, after a crash by
 * the next start. A stream is read to its end or destroyed.
 */
export async function unpackInto(
  context: Context,
  layer: LayerWish,
  source: Readable | { path: string },
  options: { signal: AbortSignal; isGenuine?: Promise<unknown> },
): Promise<StoredLayer> {
  const { chainId, diffId } = layer;
  await using undo = new AsyncDisposableStack();
  // An open file, which nobody reads when the unpacker is not even started.
  if (source instanceof Readable) undo.defer(() => void source.destroy());
  await using staged = await context.layers.stage(chainId);
  faultPoint('image.layer.staged');
  const { sizeBytes, highestId } = await context.unpack({
    source,
    target: staged.path,
    expectedDiffId: diffId,
    signal: options.signal,
  });
  faultPoint('image.layer.unpacked');
  await options.isGenuine;
  const committed = await staged.commit({ sizeBytes, highestId });
  faultPoint('image.layer.committed');
  return { chainId, sizeBytes: committed.sizeBytes };
}

/** Unpacks a blob that is in the content store, when a processor is free. */
export function unpackStored(
  context: Context,
  layer: LayerWish,
  path: string,
  signal: AbortSignal,
): Promise<StoredLayer> {
  return runInTurn(context.unpackTurns, signal, 'unpacking a layer', () =>
    unpackInto(context, layer, { path }, { signal }),
  );
}
