import type { Engine } from '../../../../engine/host/engine.ts';
import type { VolumeListResponse } from '../../../../foundation/wire/docker/volume.ts';
import { ok, type Route } from '../../call.ts';
import { booleanFilter, matchesAny, matchesLabels, parseFilters } from '../../input/filters.ts';
import { toVolumeJson } from '../../translate/volume-json.ts';
import { volumeUsers } from './usage.ts';

export function listVolumes(engine: {
  volumes: Pick<Engine['volumes'], 'list'>;
  containers: Pick<Engine['containers'], 'list'>;
}): Route {
  return {
    method: 'GET',
    path: '/volumes',
    async handle({ query }) {
      const filters = parseFilters(query, ['dangling', 'driver', 'label', 'label!', 'name']);
      const dangling = booleanFilter(filters, 'dangling');
      const users = volumeUsers(engine.containers);
      const volumes = engine.volumes
        .list()
        .filter(
          (volume) =>
            (dangling === undefined || dangling === !users.has(volume.name)) &&
            matchesAny(filters, 'driver', (word) => word === volume.driver) &&
            matchesAny(filters, 'name', (word) => volume.name.includes(word)) &&
            matchesLabels(filters, volume.labels),
        );
      return ok({ Volumes: volumes.map(toVolumeJson), Warnings: null } satisfies VolumeListResponse);
    },
  };
}
