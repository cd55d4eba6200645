import type { Engine } from '../../../../engine/host/engine.ts';
import { isKind } from '../../../../foundation/base/errors.ts';
import type { ImageDeleteJson, ImagesPruneResponse } from '../../../../foundation/wire/docker/image.ts';
import { ok, type Route } from '../../call.ts';
import { booleanFilter, type Filters, parseFilters, singleFilter } from '../../input/filters.ts';
import { createImageFilter } from '../../input/image-filters.ts';
import { toImageDelete } from '../../translate/image-json.ts';

type PruneEngine = {
  images: Pick<Engine['images'], 'list' | 'resolve' | 'remove' | 'sweep'>;
  containers: Pick<Engine['containers'], 'list'>;
};

/** Without `dangling=false` only images without a name go; never one that a container uses. */
export function pruneImages(engine: PruneEngine): Route {
  return {
    method: 'POST',
    path: '/images/prune',
    async handle({ query }) {
      const filters = parseFilters(query, ['dangling', 'until', 'label', 'label!']);
      singleFilter(filters, 'until');
      const deleted = await removeAll(engine, filters, booleanFilter(filters, 'dangling') ?? true);
      const { reclaimedBytes } = await engine.images.sweep();
      return ok({
        ImagesDeleted: deleted.length === 0 ? null : deleted,
        SpaceReclaimed: reclaimedBytes,
      } satisfies ImagesPruneResponse);
    },
  };
}

async function removeAll(
  engine: PruneEngine,
  filters: Filters,
  danglingOnly: boolean,
): Promise<ImageDeleteJson[]> {
  const { dangling: _, ...others } = Object.fromEntries(filters);
  const isWanted = createImageFilter(new Map(Object.entries(others)), engine.images);
  const inUse = new Set(engine.containers.list().map(({ imageId }) => imageId));
  const doomed = engine.images
    .list()
    .filter((image) => !inUse.has(image.id) && isWanted(image) && (!danglingOnly || image.tags.length === 0));
  const deleted: ImageDeleteJson[] = [];
  for (const { id, tags } of doomed) {
    for (const name of tags.length > 0 ? tags : [id]) {
      try {
        deleted.push(...(await engine.images.remove(name, { force: false, prune: true })).map(toImageDelete));
      } catch (error) {
        // Used since the list was made, or gone with another one.
        if (!isKind(error, 'conflict') && !isKind(error, 'not-found')) throw error;
      }
    }
  }
  return deleted;
}
