import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import type { StagedLayer } from '../../resources/snapshot/snapshot.ts';
import { sha256 } from '../../foundation/oci/digest.ts';
import type { DiffId } from '../../foundation/oci/digest.ts';
import type { Context, LayerWish } from './context.ts';
import { runInTurn } from './shared-work.ts';
import type { StoredLayer } from './records.ts';

/**
 * The folder of a layer whose archive is just being made: the unpacker reads what is stored as it passes, so that two processors work on it. Its diff id shows at
 * the end. Disposing stops and deletes what no image took.
 */
export interface UnpackBeside extends AsyncDisposable {
  /** The same pieces. A slow unpacker slows them down, one that fails does not. */
  through(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
  /** Now under its name; undefined when it did not come to what is wanted. What failed fails again, and is told, when it is unpacked from the blob. */
  take(layer: LayerWish): Promise<StoredLayer | undefined>;
}

interface Unpacked {
  staged: StagedLayer;
  diffId: DiffId;
  sizeBytes: number;
}

export function unpackBeside(context: Context, signal: AbortSignal | undefined): UnpackBeside {
  const stop = new AbortController();
  const halt = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', halt, { once: true });
  const source = new PassThrough({ highWaterMark: 1 << 20 });
  let isOver = false;
  let unpacked: Promise<Unpacked | undefined> | undefined;
  const begin = (): Promise<Unpacked | undefined> =>
    runInTurn(context.streamTurns, stop.signal, 'unpacking a layer', () =>
      unpack(context, source, stop.signal),
    )
      .catch(() => undefined)
      .finally(() => {
        isOver = true;
        source.destroy();
      });

  return {
    async *through(pieces) {
      source.on('error', () => undefined);
      unpacked = begin();
      for await (const piece of pieces) {
        if (!isOver && !source.write(piece)) await Promise.race([once(source, 'drain'), unpacked]);
        yield piece;
      }
      source.end();
    },
    async take(layer) {
      const result = await unpacked;
      unpacked = undefined;
      if (!result) return undefined;
      await using early = result.staged;
      if (result.diffId !== layer.diffId) return undefined;
      await using named = await context.layers.stage(layer.chainId);
      // rename(2) replaces an empty folder.
      await rename(early.path, named.path);
      const { sizeBytes } = await named.commit({ sizeBytes: result.sizeBytes });
      return { chainId: layer.chainId, sizeBytes };
    },
    async [Symbol.asyncDispose]() {
      signal?.removeEventListener('abort', halt);
      stop.abort();
      await (await unpacked)?.staged[Symbol.asyncDispose]();
    },
  };
}

async function unpack(context: Context, source: PassThrough, signal: AbortSignal): Promise<Unpacked> {
  await using undo = new AsyncDisposableStack();
  // Its chain id is not known yet.
  const staged = undo.use(await context.layers.stage(sha256('a layer that is being made')));
  const { diffId, sizeBytes } = await context.unpack({ source, target: staged.path, signal });
  undo.move();
  return { staged, diffId, sizeBytes };
}
