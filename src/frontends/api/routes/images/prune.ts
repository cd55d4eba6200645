import type { DiskUsage } from '../../../../engine/host/disk.ts';
import type { Engine } from '../../../../engine/host/engine.ts';
import { isKind } from '../../../../foundation/base/errors.ts';
import type { ImageDeleteJson, ImagesPruneResponse } from '../../../../foundation/wire/docker/image.ts';
import { ok, type Route } from '../../call.ts';
import { booleanFilter, type Filters, parseFilters, untilFilter } from '../../input/filters.ts';
import { createImageFilter, isDangling } from '../../input/image-filters.ts';
import { toImageDelete } from '../../translate/image-json.ts';
import { announcePrune, createPruneTurns } from '../prune-turns.ts';

type PruneEngine = {
  images: Pick<Engine['images'], 'list' | 'resolve' | 'remove' | 'sweep'>;
  containers: Pick<Engine['containers'], 'list'>;
  disk: Pick<Engine['disk'], 'usage'>;
  events: Engine['events'];
};

/** Without `dangling=false` only images without a name go; never one that a container uses. */
export function pruneImages(engine: PruneEngine): Route {
  const inTurn = createPruneTurns();
  return {
    method: 'POST',
    path: '/images/prune',
    handle: ({ query }) =>
      inTurn(async () => {
        const filters = parseFilters(query, ['dangling', 'until', 'label', 'label!']);
        untilFilter(filters);
        const before = await engine.disk.usage({ parts: ['images'] });
        const deleted = await removeAll(engine, filters, booleanFilter(filters, 'dangling') ?? true);
        await engine.images.sweep();
        const after = await engine.disk.usage({ parts: ['images'] });
        const reclaimedBytes = goneBytes(before, after);
        announcePrune(engine, 'image', reclaimedBytes);
        return ok({
          ImagesDeleted: deleted.length === 0 ? null : deleted,
          SpaceReclaimed: reclaimedBytes,
        } satisfies ImagesPruneResponse);
      }),
  };
}

/** What was there and is not any more; what came meanwhile does not matter. */
function goneBytes(before: DiskUsage, after: DiskUsage): number {
  const gone = (old: Record<string, number>, now: Record<string, number>): number =>
    Object.entries(old).reduce((total, [name, bytes]) => total + (name in now ? 0 : bytes), 0);
  return gone(before.layersBytes, after.layersBytes) + gone(before.blobsBytes, after.blobsBytes);
}

async function removeAll(
  engine: PruneEngine,
  filters: Filters,
  danglingOnly: boolean,
): Promise<ImageDeleteJson[]> {
  const { dangling: _, ...others } = Object.fromEntries(filters);
  const isWanted = createImageFilter(new Map(Object.entries(others)), engine.images);
  const inUse = new Set(engine.containers.list().map(({ imageId }) => imageId));
  const doomed = engine.images.list().filter(
    (image) =>
      !inUse.has(image.id) &&
      isWanted(image) &&
      // Further platforms go with their name.
      (danglingOnly ? isDangling(image) : image.tags.length > 0 || isDangling(image)),
  );
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
