import type { Engine } from '../../../../engine/host/engine.ts';
import { ok, type Route } from '../../call.ts';
import { chooseEntries, readCachePrune } from '../../input/build-cache-filters.ts';
import { contextsId, listBuildCache } from '../../translate/build-cache.ts';
import { announcePrune } from '../prune-turns.ts';

type PruningEngine = Pick<Engine, 'builds' | 'containers' | 'disk' | 'events' | 'images'>;

/** `builder prune`: of the results of steps, of what cache mounts hold and of contents of contexts what the filters let go, the least recently used first. */
export function pruneBuilds(engine: PruningEngine): Route {
  return {
    method: 'POST',
    path: '/build/prune',
    async handle({ query }) {
      const asked = readCachePrune(query);
      const { layersBytes } = await engine.disk.usage({ parts: ['images'] });
      const entries = listBuildCache(engine, layersBytes);
      const chosen = new Set(
        chooseEntries(entries, asked, await engine.disk.freeBytes()).map(({ ID }) => ID),
      );
      const { builds } = engine;
      // Without words of its own a prune also forgets what it knows of images that have names.
      const images = await (asked.isWhole ? builds.prune() : builds.prune((id) => chosen.has(id)));
      const swept = images.length === 0 ? { reclaimedBytes: 0 } : await engine.images.sweep();
      const caches = await builds.pruneCaches(({ id }) => chosen.has(id));
      const contextBytes = chosen.has(contextsId) ? await builds.contexts.prune() : 0;
      const deleted = [...images, ...caches.map(({ id }) => id), ...(contextBytes > 0 ? [contextsId] : [])];
      const reclaimedBytes = caches.reduce(
        (sum, { sizeBytes }) => sum + sizeBytes,
        swept.reclaimedBytes + contextBytes,
      );
      announcePrune(engine, 'builder', reclaimedBytes);
      return ok({ CachesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: reclaimedBytes });
    },
  };
}
