import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid, isKind } from '../../../../foundation/base/errors.ts';
import type { VolumesPruneResponse } from '../../../../foundation/wire/docker/volume.ts';
import { ok, type Route } from '../../call.ts';
import { booleanFilter, type Filters, matchesLabels, parseFilters } from '../../input/filters.ts';
import { since } from '../../versions.ts';
import { announcePrune, createPruneTurns } from '../prune-turns.ts';
import { volumeUsers } from './usage.ts';

function allFilter(filters: Filters): boolean | undefined {
  const values = filters.get('all') ?? [];
  const [value = ''] = values;
  if (values.length > 1)
    throw invalid(`invalid filter 'all=[${values.join(' ')}]': only one value is expected`, {
      code: 'bad-filter',
    });
  if (values.length === 1 && !/^(1|t|true|0|f|false)$/i.test(value))
    throw invalid(
      `invalid filter 'all': strconv.ParseBool: parsing ${JSON.stringify(value.slice(0, 80))}: invalid syntax`,
      { code: 'bad-filter' },
    );
  return booleanFilter(filters, 'all');
}

/** Removes unused anonymous volumes; named ones too with `all`, and for clients of the time when that was the rule. */
export function pruneVolumes(engine: {
  volumes: Pick<Engine['volumes'], 'list' | 'remove'>;
  containers: Pick<Engine['containers'], 'list'>;
  disk: Pick<Engine['disk'], 'usage'>;
  events: Engine['events'];
}): Route {
  const inTurn = createPruneTurns();
  return {
    method: 'POST',
    path: '/volumes/prune',
    handle: ({ query, minor }) =>
      inTurn(async () => {
        const filters = parseFilters(query, ['all', 'label', 'label!']);
        const named = allFilter(filters) ?? minor < since.anonymousVolumePrune;
        const users = volumeUsers(engine.containers);
        const unused = engine.volumes.list().filter(
          (volume) =>
            !users.has(volume.name) &&
            // What options lead to is somebody else's: Docker spares it.
            Object.keys(volume.options).length === 0 &&
            (named || volume.anonymous) &&
            matchesLabels(filters, volume.labels),
        );
        const usage = unused.length > 0 ? await engine.disk.usage({ parts: ['volumes'] }) : undefined;
        const deleted: string[] = [];
        let reclaimedBytes = 0;
        for (const { name } of unused) {
          try {
            await engine.volumes.remove(name, { force: false });
            deleted.push(name);
            reclaimedBytes += usage?.volumesBytes[name] ?? 0;
          } catch (error) {
            if (!isKind(error, 'conflict') && !isKind(error, 'not-found')) throw error;
          }
        }
        announcePrune(engine, 'volume', reclaimedBytes);
        return ok({
          VolumesDeleted: deleted,
          SpaceReclaimed: reclaimedBytes,
        } satisfies VolumesPruneResponse);
      }),
  };
}
