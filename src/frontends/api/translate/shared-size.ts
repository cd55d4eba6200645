import type { ImageQueries, ImageRecord } from '../../../engine/image/image.ts';

/** Bytes of each image's layers that another image has too. */
export function sharedBytesOf(
  all: readonly ImageRecord[],
  images: Pick<ImageQueries, 'layerSizes'>,
): Map<string, number> {
  const users = new Map<string, number>();
  for (const { layers } of all)
    for (const layer of new Set(layers)) users.set(layer, (users.get(layer) ?? 0) + 1);
  return new Map(
    all.map(({ id, layers }) => {
      const sizes = images.layerSizes(id);
      return [
        id,
        layers.reduce(
          (sum, layer, place) => sum + ((users.get(layer) ?? 0) > 1 ? (sizes[place] ?? 0) : 0),
          0,
        ),
      ];
    }),
  );
}
