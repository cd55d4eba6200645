import { notFound } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import type { ContainerId, NetworkId } from '../../foundation/base/ids.ts';
import type { Log } from '../../foundation/base/log.ts';
import { createContainerNames } from './container-names.ts';
import { describeEndpoint, interfaceNameFor } from './describe-endpoint.ts';
import { createEndpointAddresses } from './endpoint-addresses.ts';
import { createEndpointPorts, publishedPorts } from './endpoint-ports.ts';
import { createEndpointShelf, gatewayAmong } from './endpoint-shelf.ts';
import type { Firewall } from './firewall.ts';
import type { HostPorts } from './host-ports.ts';
import type { Links } from './links.ts';
import type { Endpoints, NetworkInfo, Networks } from './network.ts';
import type { Plumbing } from './plumbing.ts';
import type { EndpointRecord, NetworkRecords } from './records.ts';
import type { Resolver } from './resolver/resolver.ts';

export interface EndpointsDeps {
  records: NetworkRecords;
  networks: Pick<Networks, 'get' | 'list'>;
  plumbing: Plumbing;
  firewall: Firewall;
  hostPorts: HostPorts;
  links: Links;
  resolver: Resolver;
  log: Log;
}

export type EndpointService = Endpoints & {
  /** Lets go of ports and timers; what runs goes on. */
  close(): Promise<void>;
  /** Names of the containers on the network. */
  members(networkId: NetworkId): string[];
  /** The network is gone. */
  forget(networkId: NetworkId): void;
};

export function createEndpoints(deps: EndpointsDeps): EndpointService {
  const { records, networks, plumbing, links, log } = deps;
  const shelf = createEndpointShelf(records, networks);
  const addresses = createEndpointAddresses({ links, log });
  const ports = createEndpointPorts({ ...deps, shelf });
  /** Containers that have an interface in their namespace. */
  const attached = new Set<ContainerId>();
  const names = createContainerNames({
    resolver: deps.resolver,
    networks,
    placesOf: (containerId) => shelf.of(containerId).map(({ endpoint }) => endpoint),
    gatewayOf: (containerId) => shelf.gatewayOf(containerId)?.endpoint,
    log,
  });

  const bridgesOf = (places: readonly EndpointRecord[]): NetworkInfo[] =>
    networks
      .list()
      .filter(
        ({ id, driver }) => driver === 'bridge' && places.some(({ endpoint }) => endpoint.networkId === id),
      );
  const rejoin = (places: readonly EndpointRecord[]): void =>
    links.rejoin(
      places.flatMap(({ endpoint }) => {
        const { bridge } = networks.get(endpoint.networkId);
        return bridge === undefined ? [] : [{ endpointId: endpoint.endpointId, bridge }];
      }),
    );

  return {
    find: (containerId) => shelf.of(containerId).map(({ endpoint }) => endpoint),
    async rename(containerId, from, to) {
      const renamed = shelf.of(containerId).map(({ endpoint }) => ({
        endpoint: { ...endpoint, names: endpoint.names.map((name) => (name === from ? to : name)) },
        containerName: to,
      }));
      if (renamed.length === 0) return;
      shelf.replace(renamed);
      await names.changed(containerId);
    },
    gatewayOf: (containerId) => shelf.gatewayOf(containerId)?.endpoint,
    members: (networkId) =>
      shelf
        .all()
        .filter(({ endpoint }) => endpoint.networkId === networkId)
        .map(({ containerName }) => containerName),

    async reserve(request) {
      const { containerName } = request;
      const known = shelf.findOn(request.containerId, request.networkId);
      if (known) return known;
      const network = networks.get(request.networkId);
      const others = shelf.of(request.containerId).map(({ endpoint }) => endpoint);
      const hasPorts =
        network.driver === 'bridge' && !network.internal && !others.some((other) => other.ports.length > 0);
      const interfaceName = interfaceNameFor(network, request, others);
      await using undo = new AsyncDisposableStack();
      const taken = await addresses.allocate(network, request);
      const draft = describeEndpoint(network, { ...request, interfaceName }, taken);
      undo.defer(() => addresses.give(draft));
      const held = hasPorts ? ports.hold({ endpoint: draft, containerName }, network, request.ports) : [];
      undo.defer(() => ports.release(draft));
      const endpoint = { ...draft, ports: held };
      faultPoint('network.reserve.held');
      shelf.add({ endpoint, containerName });
      faultPoint('network.reserve.recorded');
      undo.move();
      return endpoint;
    },

    async attach({ containerId, networkId }, pid) {
      const endpoint = shelf.findOn(containerId, networkId);
      if (!endpoint) throw notFound(`container ${containerId} has no place on network ${networkId}`);
      const network = networks.get(networkId);
      await plumbing.bringUp(network);
      const gateway = shelf.gatewayOf(containerId);
      const isGateway = gateway?.endpoint.endpointId === endpoint.endpointId;
      // Another one had the way out until now: only then is there something to take away first.
      const takesOver = isGateway && attached.has(containerId);
      // The rules and the interface do not need each other, nor the rules and the names.
      const opened = ports.open(endpoint);
      // It is awaited later, and a failure of the interface is told first.
      opened.catch(() => undefined);
      let named: Promise<void> | undefined;
      try {
        faultPoint('network.attach.begin');
        await links.connect(endpoint, { network, pid, isGateway: isGateway && !takesOver });
        faultPoint('network.attach.connected');
        named = names.joined(containerId, pid);
        // A failure of the rules is told first.
        named.catch(() => undefined);
        await opened;
        faultPoint('network.attach.opened');
        if (takesOver) {
          await links.setGateway(pid, endpoint);
          await ports.move(containerId, gateway);
        }
        attached.add(containerId);
        await named;
      } catch (error) {
        await Promise.allSettled([opened, named, links.takeAway(endpoint, { network, pid })]);
        throw error;
      }
    },

    async detach({ containerId, networkId, pid }) {
      const endpoint = shelf.findOn(containerId, networkId);
      if (!endpoint) return;
      const isOther = (record: EndpointRecord): boolean => record.endpoint.networkId !== networkId;
      const wasGateway = shelf.gatewayOf(containerId)?.endpoint.endpointId === endpoint.endpointId;
      await ports.move(containerId, gatewayAmong(networks, shelf.of(containerId).filter(isOther)));
      const left = shelf.findOn(containerId, networkId) ?? endpoint;
      if (left.ports.length > 0) await ports.close([left]);
      faultPoint('network.detach.closed');
      shelf.remove(endpoint);
      ports.release(endpoint);
      // The namespace lives on, so the interface does not die by itself.
      if (pid !== undefined) await links.takeAway(endpoint, { network: networks.get(networkId), pid });
      addresses.give(endpoint);
      await names.changed(containerId);
      if (pid !== undefined && wasGateway)
        await links.setGateway(pid, shelf.gatewayOf(containerId)?.endpoint);
    },

    publish: (containerId, change) => ports.change(containerId, change),
    forget: (networkId) => addresses.forget(networkId),

    async release(containerId) {
      attached.delete(containerId);
      names.ended(containerId);
      const ended = shelf.of(containerId).map(({ endpoint }) => endpoint);
      if (ended.some((endpoint) => endpoint.ports.length > 0)) {
        await ports.close(ended);
        faultPoint('network.release.closed');
      }
      shelf.removeAll(containerId);
      faultPoint('network.release.forgotten');
      for (const endpoint of ended) ports.release(endpoint);
      addresses.giveLater(ended);
    },

    close() {
      addresses.close();
      for (const { endpoint } of shelf.all()) ports.release(endpoint);
      links[Symbol.dispose]();
      return Promise.resolve();
    },

    async repair() {
      const all = shelf.all();
      const inUse = bridgesOf(all);
      await plumbing.restore(
        inUse,
        all.flatMap(({ endpoint }) => publishedPorts(endpoint)),
      );
      rejoin(all);
      for (const network of inUse) plumbing.allowLoopback(network);
    },

    async recover(running) {
      const all = records.endpoints();
      const known = new Set(networks.list().map(({ id }) => id));
      const live = all.filter(
        ({ endpoint }) => running.has(endpoint.containerId) && known.has(endpoint.networkId),
      );
      const dead = all.filter((record) => !live.includes(record));
      for (const { endpoint, containerName } of dead)
        if (running.has(endpoint.containerId))
          log.warn(
            `container ${containerName} loses its place on network ${endpoint.networkName}: the record of the network is gone`,
            { code: 'network-lost' },
          );
      for (const record of live) {
        const { endpoint } = record;
        shelf.adopt(record);
        attached.add(endpoint.containerId);
        addresses.retake(networks.get(endpoint.networkId), endpoint);
        ports.retake(record);
      }
      const inUse = bridgesOf(live);
      // Records with ports stay until their rules are gone: only a table that was written without them lets them be forgotten.
      if (all.length > 0)
        await plumbing.restore(
          inUse,
          live.flatMap(({ endpoint }) => publishedPorts(endpoint)),
        );
      rejoin(live);
      await links.removeStrangers(new Set(live.map(({ endpoint }) => endpoint.endpointId)));
      faultPoint('network.recover.cleaned');
      await names.restore(running);
      for (const network of inUse) plumbing.allowLoopback(network);
      records.deleteEndpoints(dead.map(({ endpoint }) => endpoint.endpointId));
    },
  };
}
