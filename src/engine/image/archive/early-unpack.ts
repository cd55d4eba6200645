import { rename } from 'node:fs/promises';
import type { BlobInfo } from '../../../resources/content/content.ts';
import type { StagedLayer } from '../../../resources/snapshot/snapshot.ts';
import type { Digest, DiffId } from '../../../foundation/oci/digest.ts';
import { looksLikeLayer } from './looks-like-layer.ts';
import type { Context, LayerWish } from '../context.ts';
import { runInTurn } from '../shared-work.ts';
import type { StoredLayer } from '../records/records.ts';

/**
 * Archives bring layers before the documents that say where they belong. So that the processors need not wait for the end of the stream, what looks
 * like a layer is unpacked at once; the unpacker tells its diff id, and the image's configuration, when it comes, must agree.
 * Disposing stops and deletes what no image took.
 */
export interface EarlyUnpack extends AsyncDisposable {
  /** Begins with a blob that has just come. */
  offer(blob: BlobInfo): void;
  /** The layer that was unpacked from this blob, now under its name; undefined when there is none that agrees. */
  take(layer: LayerWish): Promise<StoredLayer | undefined>;
}

interface Unpacked {
  staged: StagedLayer;
  diffId: DiffId;
  sizeBytes: number;
}

export function createEarlyUnpack(context: Context, signal: AbortSignal | undefined): EarlyUnpack {
  const stop = new AbortController();
  const halt = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', halt, { once: true });
  const begun = new Map<Digest, Promise<Unpacked | undefined>>();

  const begin = async (blob: BlobInfo): Promise<Unpacked | undefined> => {
    // An image that has this very blob has its layers unpacked.
    if (context.store.hasBlob(blob.digest) || !(await looksLikeLayer(context.content, blob)))
      return undefined;
    return runInTurn(context.unpackTurns, stop.signal, 'unpacking a layer', () =>
      unpack(context, blob, stop.signal),
    );
  };

  return {
    offer(blob) {
      if (begun.has(blob.digest)) return;
      // What goes wrong here goes wrong again, and is told, when the layer is wanted.
      begun.set(
        blob.digest,
        begin(blob).catch(() => undefined),
      );
    },
    async take(layer) {
      const unpacked = await begun.get(layer.blob);
      // An image may hold a layer twice: only the first place gets the folder.
      if (!unpacked || unpacked.diffId !== layer.diffId || !begun.delete(layer.blob)) return undefined;
      await using early = unpacked.staged;
      await using named = await context.layers.stage(layer.chainId);
      // rename(2) replaces an empty folder.
      await rename(early.path, named.path);
      const { sizeBytes } = await named.commit({ sizeBytes: unpacked.sizeBytes });
      return { chainId: layer.chainId, sizeBytes };
    },
    async [Symbol.asyncDispose]() {
      signal?.removeEventListener('abort', halt);
      stop.abort();
      for (const work of begun.values()) await (await work)?.staged[Symbol.asyncDispose]();
    },
  };
}

async function unpack(context: Context, blob: BlobInfo, signal: AbortSignal): Promise<Unpacked> {
  await using undo = new AsyncDisposableStack();
  // Its chain id is not known yet: until it is, the blob's digest stands in.
  const staged = undo.use(await context.layers.stage(blob.digest));
  const { diffId, sizeBytes } = await context.unpack({
    source: { path: blob.path },
    target: staged.path,
    signal,
  });
  undo.move();
  return { staged, diffId, sizeBytes };
}
