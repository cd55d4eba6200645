import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { closeDescriptor } from '../../../foundation/kernel/at.ts';
import { openOverlay } from '../../../foundation/kernel/mount.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { Context } from '../context.ts';
import { noSuchImage } from '../texts.ts';
import { unpackImage } from '../pull/unpack-image.ts';

/**
 * The files of an image as a tar: its layers on top of each other, mounted nowhere and read by a process of its own. Nothing is in it that the image does not
 * have. The layers stay while it is read.
 */
export async function* imageTree(
  context: Context,
  id: ImageId,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  using lease = context.leases.open();
  const image = await unpackImage(context, id, signal);
  const layers: string[] = [];
  for (const chainId of image.layers.toReversed()) {
    await lease.hold(chainId);
    const layer = await context.layers.find(chainId);
    if (!layer) throw noSuchImage(id);
    layers.push(layer.path);
  }
  const folder = await mkdtemp(join(context.settings.temporaryDirectory, 'tree-'));
  try {
    const root = await openLayers(folder, layers);
    const pieces = context.pack({ job: { kind: 'tree' }, root, signal });
    try {
      // With the first piece the packer has the directory.
      const first = await pieces.next().finally(() => closeDescriptor(root));
      if (!first.done) yield first.value;
      yield* pieces;
    } finally {
      await pieces.return(undefined);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Two empty folders at the bottom: an overlay wants two at least. They must be there as long as it is read. */
async function openLayers(folder: string, layers: readonly string[]): Promise<number> {
  const [scratch, ...nothing] = ['scratch', 'one', 'two'].map((name) => join(folder, name));
  for (const path of [scratch, ...nothing]) if (path) await mkdir(path);
  return openOverlay({ lower: [...layers, ...nothing], scratch: scratch ?? folder });
}
