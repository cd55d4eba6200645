import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid, toSiloError } from '../../../../foundation/base/errors.ts';
import type { VolumeListResponse } from '../../../../foundation/wire/docker/volume.ts';
import { ok, type Route } from '../../call.ts';
import { booleanFilter, matchesAny, matchesLabels, parseFilters } from '../../input/filters.ts';
import { compileNamePattern } from '../../input/name-pattern.ts';
import { toVolumeJson } from '../../translate/volume-json.ts';
import { volumeUsers } from './usage.ts';

/** The real engine says which filters it could not read. */
function readVolumeFilters(...args: Parameters<typeof parseFilters>): ReturnType<typeof parseFilters> {
  try {
    return parseFilters(...args);
  } catch (error) {
    const { message, code } = toSiloError(error);
    throw message === 'invalid filter'
      ? invalid(`error reading volume filters: ${message}`, { code, cause: error })
      : error;
  }
}

export function listVolumes(engine: {
  volumes: Pick<Engine['volumes'], 'list'>;
  containers: Pick<Engine['containers'], 'list'>;
}): Route {
  return {
    method: 'GET',
    path: '/volumes',
    async handle({ query }) {
      const filters = readVolumeFilters(query, ['dangling', 'driver', 'label', 'name']);
      const names = (filters.get('name') ?? []).map(compileNamePattern);
      const dangling = booleanFilter(filters, 'dangling');
      const users = volumeUsers(engine.containers);
      const volumes = engine.volumes
        .list()
        .filter(
          (volume) =>
            (dangling === undefined || dangling === !users.has(volume.name)) &&
            matchesAny(filters, 'driver', (word) => word === volume.driver) &&
            (names.length === 0 || names.some((matches) => matches(volume.name))) &&
            matchesLabels(filters, volume.labels),
        );
      return ok({ Volumes: volumes.map(toVolumeJson), Warnings: null } satisfies VolumeListResponse);
    },
  };
}
