import type { Engine } from '../../../../engine/host/engine.ts';
import { isKind } from '../../../../foundation/base/errors.ts';
import type { ContainersPruneResponse } from '../../../../foundation/wire/docker/container.ts';
import { ok, type Route } from '../../call.ts';
import { readPruneFilter } from '../../input/filters.ts';
import { announcePrune, createPruneTurns } from '../prune-turns.ts';

/** Removes what does not run; one that cannot be removed now (it was just started) stays. */
export function pruneContainers(engine: {
  containers: Pick<Engine['containers'], 'list' | 'remove'>;
  disk: Pick<Engine['disk'], 'usage'>;
  events: Engine['events'];
}): Route {
  const inTurn = createPruneTurns();
  return {
    method: 'POST',
    path: '/containers/prune',
    handle: ({ query }) =>
      inTurn(async () => {
        const isWanted = readPruneFilter(query);
        const candidates = engine.containers
          .list()
          .filter(
            ({ state, createdAtMs, config }) =>
              (state.status === 'exited' || state.status === 'created') &&
              isWanted({ createdAtMs, labels: config.labels }),
          );
        const usage = candidates.length > 0 ? await engine.disk.usage({ parts: ['containers'] }) : undefined;
        const deleted: string[] = [];
        let reclaimedBytes = 0;
        for (const { id } of candidates) {
          try {
            await engine.containers.remove(id, { force: false, volumes: false });
            deleted.push(id);
            reclaimedBytes += usage?.containersBytes[id] ?? 0;
          } catch (error) {
            if (!isKind(error, 'conflict') && !isKind(error, 'not-found')) throw error;
          }
        }
        announcePrune(engine, 'container', reclaimedBytes);
        return ok({
          ContainersDeleted: deleted.length === 0 ? null : deleted,
          SpaceReclaimed: reclaimedBytes,
        } satisfies ContainersPruneResponse);
      }),
  };
}
