import type { Engine } from '../../../../engine/host/engine.ts';
import { isKind } from '../../../../foundation/base/errors.ts';
import type { NetworksPruneResponse } from '../../../../foundation/wire/docker/network.ts';
import { ok, type Route } from '../../call.ts';
import { matchesLabels, parseFilters } from '../../input/filters.ts';
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
      const before = (filters.get('until') ?? []).map((text) => parseMoment(text, Date.now()));
      const unused = engine.networks
        .list()
        .filter(
          (network) =>
            !isPredefined(network) &&
            before.every((moment) => network.createdAtMs < moment) &&
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
