import type { Engine } from '../../../../engine/host/engine.ts';
import { invalid } from '../../../../foundation/base/errors.ts';
import type { NetworkInfo } from '../../../../resources/network/network.ts';
import { ok, type Route } from '../../call.ts';
import { booleanFilter, type Filters, matchesAny, matchesLabels, parseFilters } from '../../input/filters.ts';
import { compileNamePattern } from '../../input/name-pattern.ts';
import { since } from '../../versions.ts';
import { toNetworkJson } from '../../translate/network-json.ts';

const filterNames = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];
const predefined = new Set(['bridge', 'host', 'none']);

export const isPredefined = ({ name }: Pick<NetworkInfo, 'name'>): boolean => predefined.has(name);

/** As `booleanFilter`, in the words that this list has for it. */
function danglingFilter(filters: Filters): boolean | undefined {
  const values = filters.get('dangling') ?? [];
  if (values.length > 1)
    throw invalid('got more than one value for filter key "dangling"', { code: 'bad-filter' });
  if (values[0] !== undefined && !['true', '1', 'false', '0'].includes(values[0]))
    throw invalid(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`, {
      code: 'bad-filter',
    });
  return booleanFilter(filters, 'dangling');
}

export function listNetworks(engine: { networks: Pick<Engine['networks'], 'list' | 'members'> }): Route {
  return {
    method: 'GET',
    path: '/networks',
    async handle({ query, minor }) {
      const filters = parseFilters(query, filterNames);
      for (const word of filters.get('type') ?? [])
        if (word !== 'custom' && word !== 'builtin')
          throw invalid(`invalid filter: 'type'='${word.slice(0, 80)}'`, { code: 'bad-filter' });
      const dangling = danglingFilter(filters);
      const names = (filters.get('name') ?? []).map(compileNamePattern);
      const ids = (filters.get('id') ?? []).map(compileNamePattern);
      const networks = engine.networks
        .list()
        .filter(
          (network) =>
            matchesAny(filters, 'driver', (word) => word === network.driver) &&
            (ids.length === 0 || ids.some((matches) => matches(network.id))) &&
            (names.length === 0 || names.some((matches) => matches(network.name))) &&
            matchesAny(filters, 'scope', (word) => word === network.scope) &&
            matchesAny(filters, 'type', (word) => (word === 'builtin') === isPredefined(network)) &&
            matchesLabels(filters, network.labels) &&
            (dangling === undefined ||
              dangling === (!isPredefined(network) && engine.networks.members(network.id).length === 0)),
        );
      return ok(
        networks.map((network) =>
          toNetworkJson(
            network,
            minor < since.noMembersInList ? engine.networks.members(network.id) : [],
            minor,
          ),
        ),
      );
    },
  };
}
