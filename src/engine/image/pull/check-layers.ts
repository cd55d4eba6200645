import type { Damage } from '../../../foundation/base/damage.ts';
import { isKind } from '../../../foundation/base/errors.ts';
import { shortId } from '../../../foundation/base/ids.ts';
import type { ChainId } from '../../../foundation/oci/digest.ts';
import type { Context, LayerWish } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import { layerWishes } from './publish.ts';
import { relayer } from './relayer.ts';
import { runInTurn } from '../shared-work.ts';

/**
 * Compares each unpacked layer with what its blob holds: it is unpacked once more beside it, and the two trees are compared to the byte. Layers
 * whose blobs are not here, or are damaged themselves, have nothing to be compared with. One after the other, as disk and processors belong to others.
 */
export async function* damagedLayers(
  context: Context,
  nameOf: (image: ImageRecord) => string,
): AsyncGenerator<Damage> {
  const seen = new Set<ChainId>();
  for (const image of context.store.list()) {
    if (image.form !== 'unpacked') continue;
    const found = await context.documents.find(image.manifestDigest).catch(() => undefined);
    if (found?.document.kind !== 'manifest') continue;
    for (const wish of layerWishes(found.document.manifest, image.config)) {
      if (seen.has(wish.chainId)) continue;
      seen.add(wish.chainId);
      const odd = await oddity(context, wish);
      if (odd === undefined) continue;
      const isUsed = new Set(context.users.layersInUse()).has(wish.chainId);
      const repair = isUsed ? undefined : await relayer(context, image, wish.chainId);
      yield {
        kind: 'damaged-layer',
        subject: wish.chainId,
        message: `layer ${shortId(wish.chainId)} of image ${nameOf(image)} is not what its blob holds (${odd}): ${repair ? 'it can be unpacked again' : 'containers have it; remove them, then it can be unpacked again'}`,
        ...(repair ? { repair } : {}),
      };
    }
  }
}

/** Where the layer differs from its blob; undefined when it does not, or when that cannot be told. */
async function oddity(context: Context, wish: LayerWish): Promise<string | undefined> {
  using lease = context.leases.open();
  await lease.hold(wish.chainId);
  await lease.hold(wish.blob);
  const [layer, blob] = [
    await context.layers.find(wish.chainId).catch(() => undefined),
    await context.content.find(wish.blob),
  ];
  if (!layer || !blob) return undefined;
  const { signal } = new AbortController();
  return runInTurn(context.unpackTurns, signal, 'unpacking a layer', async () => {
    await using staged = await context.layers.stage(wish.chainId);
    try {
      const source = { path: blob.path };
      await context.unpack({ source, target: staged.path, expectedDiffId: wish.diffId, signal });
    } catch (error) {
      // Of damaged blobs others tell.
      if (isKind(error, 'corrupt') || isKind(error, 'invalid')) return undefined;
      throw error;
    }
    const found = await context.compareTrees(layer.path, staged.path);
    return found && `${found.what} of /${found.path}`;
  });
}
