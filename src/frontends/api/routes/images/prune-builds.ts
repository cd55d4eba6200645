import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { parseFilters } from '../../input/filters.ts';
import { announcePrune } from '../prune-turns.ts';

/** `builder prune`: the images of steps go, which are the cache, and what cache mounts hold. With filters, which say what of it is meant, nothing goes. */
export function pruneBuilds(engine: Pick<Engine, 'builds' | 'disk' | 'events' | 'images'>): Route {
  return {
    method: 'POST',
    path: '/build/prune',
    async handle({ query }) {
      const filters = parseFilters(query, [
        'until',
        'id',
        'parent',
        'type',
        'description',
        'inuse',
        'shared',
        'private',
      ]);
      const images = filters.size > 0 ? [] : await engine.builds.prune();
      const swept = images.length === 0 ? { reclaimedBytes: 0 } : await engine.images.sweep();
      const caches = await engine.builds.pruneCaches(() => filters.size === 0);
      const deleted = [...images, ...caches.map(({ id }) => id)];
      const reclaimedBytes = caches.reduce((sum, { sizeBytes }) => sum + sizeBytes, swept.reclaimedBytes);
      announcePrune(engine, 'builder', reclaimedBytes);
      return ok({ CachesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: reclaimedBytes });
    },
  };
}
