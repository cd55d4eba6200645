import type { Engine } from '../../../../engine/host/engine.ts';
import type { NetworkInfo } from '../../../../resources/network/network.ts';
import { ok, type Route } from '../../call.ts';
import {
  badFilterValue,
  booleanFilter,
  matchesAny,
  matchesLabels,
  parseFilters,
} from '../../input/filters.ts';
import { toNetworkJson } from '../../translate/network-json.ts';

const filterNames = ['dangling', 'driver', 'id', 'label', 'label!', 'name', 'scope', 'type'];
const predefined = new Set(['bridge', 'host', 'none']);

export const isPredefined = ({ name }: Pick<NetworkInfo, 'name'>): boolean => predefined.has(name);

export function listNetworks(engine: { networks: Pick<Engine['networks'], 'list' | 'members'> }): Route {
  return {
    method: 'GET',
    path: '/networks',
    async handle({ query }) {
      const filters = parseFilters(query, filterNames);
      for (const word of filters.get('type') ?? [])
        if (word !== 'custom' && word !== 'builtin') throw badFilterValue('type', word);
      const dangling = booleanFilter(filters, 'dangling');
      const networks = engine.networks
        .list()
        .filter(
          (network) =>
            matchesAny(filters, 'driver', (word) => word === network.driver) &&
            matchesAny(filters, 'id', (word) => network.id.includes(word)) &&
            matchesAny(filters, 'name', (word) => network.name.includes(word)) &&
            matchesAny(filters, 'scope', (word) => word === network.scope) &&
            matchesAny(filters, 'type', (word) => (word === 'builtin') === isPredefined(network)) &&
            matchesLabels(filters, network.labels) &&
            (dangling === undefined ||
              dangling === (!isPredefined(network) && engine.networks.members(network.id).length === 0)),
        );
      return ok(networks.map((network) => toNetworkJson(network, [])));
    },
  };
}
