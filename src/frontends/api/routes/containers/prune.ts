import type { Engine } from '../../../../engine/host/engine.ts';
import { isKind } from '../../../../foundation/base/errors.ts';
import type { ContainersPruneResponse } from '../../../../foundation/wire/docker/container.ts';
import { ok, type Route } from '../../call.ts';
import { matchesLabels, parseFilters, singleFilter } from '../../input/filters.ts';
import { parseMoment } from '../../input/times.ts';

/** Removes what does not run; one that cannot be removed now (it was just started) stays. */
export function pruneContainers(engine: {
  containers: Pick<Engine['containers'], 'list' | 'remove'>;
}): Route {
  return {
    method: 'POST',
    path: '/containers/prune',
    async handle({ query }) {
      const filters = parseFilters(query, ['until', 'label', 'label!']);
      const until = singleFilter(filters, 'until');
      const before = until === undefined ? Infinity : parseMoment(until, Date.now());
      const candidates = engine.containers
        .list()
        .filter(
          ({ state, createdAtMs, config }) =>
            (state.status === 'exited' || state.status === 'created') &&
            createdAtMs < before &&
            matchesLabels(filters, config.labels),
        );
      const deleted: string[] = [];
      for (const { id } of candidates) {
        try {
          await engine.containers.remove(id, { force: false, volumes: false });
          deleted.push(id);
        } catch (error) {
          if (!isKind(error, 'conflict') && !isKind(error, 'not-found')) throw error;
        }
      }
      return ok({
        ContainersDeleted: deleted.length === 0 ? null : deleted,
        SpaceReclaimed: 0,
      } satisfies ContainersPruneResponse);
    },
  };
}
