import { forbidden } from '../../foundation/base/errors.ts';
import type { Networks } from '../../resources/network/network.ts';
import type { ContainerNetworks, ContainerQueries } from '../container/container.ts';
import { isRunning } from '../container/state.ts';
import type { Events } from '../events/events.ts';
import type { NetworkQueries } from './engine.ts';

/** Joins networks with the containers on them. */
export function createNetworkQueries(deps: {
  places: ContainerNetworks;
  networks: Networks;
  containers: Pick<ContainerQueries, 'list' | 'networkOf'>;
  events: Events;
  repair: NetworkQueries['repair'];
}): NetworkQueries {
  const { networks, containers, events, places } = deps;
  const members: NetworkQueries['members'] = (id) =>
    containers
      .list()
      .filter(({ state }) => isRunning(state))
      .flatMap((container) =>
        containers
          .networkOf(container.id)
          .networks.filter((place) => place.networkId === id && place.endpointId !== '')
          .map((place) => ({
            containerId: container.id,
            name: container.name,
            endpointId: place.endpointId,
            macAddress: place.macAddress,
            ipv4: place.address === '' ? '' : `${place.address}/${place.prefixLength}`,
            ipv6: place.ipv6Address === '' ? '' : `${place.ipv6Address}/${place.ipv6PrefixLength}`,
          })),
      );
  return {
    ...places,
    list: () => networks.list(),
    get: (nameOrId) => networks.get(nameOrId),
    members,
    repair: deps.repair,
    async create(request) {
      const network = await networks.create(request);
      events.publish({
        type: 'network',
        action: 'create',
        id: network.id,
        attributes: { name: network.name, type: network.driver },
      });
      return network;
    },
    async remove(nameOrId) {
      const network = networks.get(nameOrId);
      if (members(network.id).length > 0)
        throw forbidden(
          `error while removing network: network ${network.name} id ${network.id} has active endpoints`,
          {
            code: 'network-in-use',
            hint: 'stop the containers on it first: silo network inspect shows them',
          },
        );
      await networks.remove(network.id);
      events.publish({
        type: 'network',
        action: 'destroy',
        id: network.id,
        attributes: { name: network.name, type: network.driver },
      });
      return network;
    },
  };
}
