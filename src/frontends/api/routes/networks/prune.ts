import type { Engine } from '../../../../engine/host/engine.ts';
import { isKind } from '../../../../foundation/base/errors.ts';
import type { NetworksPruneResponse } from '../../../../foundation/wire/docker/network.ts';
import { ok, type Route } from '../../call.ts';
import { readPruneFilter } from '../../input/filters.ts';
import { announcePrune, createPruneTurns } from '../prune-turns.ts';
import { isPredefined } from './list.ts';

export function pruneNetworks(engine: {
  networks: Pick<Engine['networks'], 'list' | 'members' | 'remove'>;
  events: Engine['events'];
}): Route {
  const inTurn = createPruneTurns();
  return {
    method: 'POST',
    path: '/networks/prune',
    handle: ({ query }) =>
      inTurn(async () => {
        const isWanted = readPruneFilter(query);
        const unused = engine.networks
          .list()
          .filter(
            (network) =>
              !isPredefined(network) &&
              !network.configOnly &&
              isWanted(network) &&
              engine.networks.members(network.id).length === 0,
          );
        const deleted: string[] = [];
        for (const { id, name } of unused) {
          try {
            await engine.networks.remove(id);
            deleted.push(name);
          } catch (error) {
            // A container joined it, or somebody else removed it.
            if (!isKind(error, 'conflict') && !isKind(error, 'forbidden') && !isKind(error, 'not-found'))
              throw error;
          }
        }
        announcePrune(engine, 'network', 0);
        return ok({ NetworksDeleted: deleted.length === 0 ? null : deleted } satisfies NetworksPruneResponse);
      }),
  };
}
