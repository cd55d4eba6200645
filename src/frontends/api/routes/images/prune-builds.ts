import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { parseFilters } from '../../input/filters.ts';
import { announcePrune } from '../prune-turns.ts';

/** `builder prune`: the images of steps go, which are the cache. With filters, which say what of it is meant, nothing goes. */
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
      const deleted = filters.size > 0 ? [] : await engine.builds.prune();
      const { reclaimedBytes } = deleted.length === 0 ? { reclaimedBytes: 0 } : await engine.images.sweep();
      announcePrune(engine, 'builder', reclaimedBytes);
      return ok({ CachesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: reclaimedBytes });
    },
  };
}
