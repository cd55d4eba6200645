import type { Engine } from '../../../../engine/host/engine.ts';
import { isKind } from '../../../../foundation/base/errors.ts';
import type { NetworksPruneResponse } from '../../../../foundation/wire/docker/network.ts';
import { ok, type Route } from '../../call.ts';
import { matchesLabels, parseFilters, singleFilter } from '../../input/filters.ts';
import { parseMoment } from '../../input/times.ts';
import { isPredefined } from './list.ts';

export function pruneNetworks(engine: {
  networks: Pick<Engine['networks'], 'list' | 'members' | 'remove'>;
}): Route {
  return {
    method: 'POST',
    path: '/networks/prune',
    async handle({ query }) {
      const filters = parseFilters(query, ['until', 'label', 'label!']);
      const until = singleFilter(filters, 'until');
      const before = until === undefined ? Infinity : parseMoment(until, Date.now());
      const unused = engine.networks
        .list()
        .filter(
          (network) =>
            !isPredefined(network) &&
            network.createdAtMs < before &&
            matchesLabels(filters, network.labels) &&
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
      return ok({ NetworksDeleted: deleted.length === 0 ? null : deleted } satisfies NetworksPruneResponse);
    },
  };
}
