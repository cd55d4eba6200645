import { squashLayers } from '../../../../foundation/archive/squash.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import type { ImageId } from '../../../../foundation/oci/digest.ts';
import type { ImageHistory } from '../../../../foundation/oci/image-config.ts';
import type { BuildDeps } from '../types.ts';

export interface SquashStep {
  whole: ImageId;
  /** So many entries of the history, from the end, are to have one layer. */
  own: number;
  /** What it lies on: an image, or a name; absent: nothing. */
  parent: string | undefined;
  atMs: number;
  signal: AbortSignal | undefined;
}

/** The same image with one layer in place of its own. As in Docker, its steps stay in the history without a layer, and an entry of their end has it. */
export async function squash(
  deps: Pick<BuildDeps, 'images' | 'layers'>,
  { whole, own, parent, atMs, signal }: SquashStep,
): Promise<ImageId> {
  const { config, layers } = deps.images.resolve(whole);
  const history = config.history ?? [];
  const first = Math.max(0, history.length - own);
  const steps = history.slice(first);
  const kept = layers.length - steps.filter(({ empty_layer: isEmpty }) => isEmpty !== true).length;
  const folders: string[] = [];
  for (const chainId of layers.toReversed()) {
    const layer = await deps.layers.find(chainId);
    if (!layer) throw invalid(`a layer of the image ${whole} is missing`, { code: 'layer-missing' });
    folders.push(layer.path);
  }
  const made = folders.slice(0, folders.length - kept);
  const merged: ImageHistory = {
    created: new Date(atMs).toISOString(),
    comment: parent === undefined ? `create new from ${whole}` : `merge ${whole} to ${parent}`,
    ...(made.length > 0 ? {} : { empty_layer: true }),
  };
  const image = await deps.images.compose({
    base: whole,
    baseLayers: kept,
    ...(made.length > 0 ? { layer: squashLayers(made, folders.slice(made.length)) } : {}),
    run: config.config ?? {},
    createdAtMs: atMs,
    history: [...history.slice(0, first), ...steps.map((step) => ({ ...step, empty_layer: true })), merged],
    ...(signal ? { signal } : {}),
  });
  return image.id;
}
