import type { Engine } from '../../../../engine/host/engine.ts';
import type { ImageLayersJson } from '../../../../foundation/wire/silo/manifests.ts';
import { ok, type Route } from '../../call.ts';
import { familiarNames } from '../../translate/image-json.ts';

/** Ours: what images consist of, so that clients can show what they share. */
export function listLayers(engine: { images: Pick<Engine['images'], 'list' | 'layerSizes'> }): Route {
  return {
    method: 'GET',
    path: '/silo/images/layers',
    async handle() {
      return ok(
        engine.images
          .list()
          .filter(({ form }) => form === 'unpacked')
          .map(({ id, tags, variantOf, layers, sizeBytes }): ImageLayersJson => {
            const sizes = engine.images.layerSizes(id);
            return {
              Id: id,
              RepoTags: familiarNames(tags.length > 0 ? tags : variantOf),
              Size: sizeBytes,
              Layers: layers.map((layer, place) => ({ ID: layer, Size: sizes[place] ?? 0 })),
            };
          }),
      );
    },
  };
}
