import { forbidden } from '../../foundation/base/errors.ts';
import type { Endpoints, Networks } from '../../resources/network/network.ts';
import type { ContainerNetworks, ContainerQueries } from '../container/container.ts';
import type { Events } from '../events/events.ts';
import type { NetworkQueries } from './engine.ts';

/** Joins networks with the containers on them. */
export function createNetworkQueries(deps: {
  places: ContainerNetworks;
  networks: Networks;
  endpoints: Endpoints;
  containers: Pick<ContainerQueries, 'list'>;
  events: Events;
  repair: NetworkQueries['repair'];
}): NetworkQueries {
  const { networks, endpoints, containers, events, places } = deps;
  const members: NetworkQueries['members'] = (id) =>
    containers.list().flatMap((container) =>
      endpoints
        .find(container.id)
        .filter((endpoint) => endpoint.networkId === id)
        .map((endpoint) => ({
          containerId: container.id,
          name: container.name,
          endpointId: endpoint.endpointId,
          macAddress: endpoint.macAddress,
          ipv4: `${endpoint.ipv4.address}/${endpoint.ipv4.prefixLength}`,
          ipv6: endpoint.ipv6 ? `${endpoint.ipv6.address}/${endpoint.ipv6.prefixLength}` : '',
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
