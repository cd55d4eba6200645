import { conflict, exhausted, invalid, notFound, unsupported } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { randomHexId, type ContainerId, type NetworkId } from '../../foundation/base/ids.ts';
import type { Log } from '../../foundation/base/log.ts';
import { describeEndpoint, interfaceNameFor, plainAddresses, withHostAddress } from './describe-endpoint.ts';
import { createNetworkAddresses, type NetworkAddresses, type TakenAddresses } from './ipam.ts';
import type { Firewall } from './firewall.ts';
import type { PublishedPort } from './firewall-rules.ts';
import type { HostPorts, PortOwner } from './host-ports.ts';
import { changePorts } from './change-ports.ts';
import { createContainerNames } from './container-names.ts';
import type { Links } from './links.ts';
import type { Resolver } from './resolver/resolver.ts';
import type { Endpoint, Endpoints, NetworkInfo, Networks, PortRequest, ReserveEndpoint } from './network.ts';
import type { EndpointRecord, NetworkRecords } from './records.ts';
import { ipv6LoopbackWorks, type Plumbing } from './plumbing.ts';
import { createStaleFlows } from './stale-flows.ts';

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

/** After this time an interface whose namespace lives on (somebody else holds it) is deleted; most die with it at once. */
const lingerMs = 2_000;

export type EndpointService = Endpoints & {
  /** Lets go of ports and timers; what runs goes on. */
  close(): Promise<void>;
  /** Names of the containers on the network. */
  members(networkId: NetworkId): string[];
};

export function createEndpoints(deps: EndpointsDeps): EndpointService {
  const { records, networks, plumbing, firewall, hostPorts, links, log } = deps;
  const staleFlows = createStaleFlows({ log });
  const byContainer = new Map<ContainerId, EndpointRecord[]>();
  const addresses = new Map<NetworkId, NetworkAddresses>();
  /** Containers that have an interface in their namespace. */
  const attached = new Set<ContainerId>();
  /** Released, but their interface may still be on the bridge: address and name are not given out again yet. */
  const lingering = new Map<string, Endpoint>();
  let reaper: ReturnType<typeof setTimeout> | undefined;

  const addressesOf = (network: NetworkInfo): NetworkAddresses => {
    let known = addresses.get(network.id);
    if (!known) {
      if (network.ipam.length === 0)
        throw invalid(`network ${network.name} gives no addresses to containers`);
      known = createNetworkAddresses(network, {
        inUse: () => conflict('Address already in use', { code: 'address-in-use' }),
      });
      addresses.set(network.id, known);
    }
    return known;
  };
  const give = (endpoint: Endpoint): void =>
    addresses.get(endpoint.networkId)?.release(plainAddresses(endpoint));

  const reap = async (): Promise<void> => {
    const ended = [...lingering.values()];
    await links.remove(ended.map(({ endpointId }) => endpointId));
    for (const endpoint of ended) if (lingering.delete(endpoint.endpointId)) give(endpoint);
  };
  const reapLater = (): void => {
    reaper ??= setTimeout(() => {
      reaper = undefined;
      reap().catch((error: unknown) =>
        log.warn('leftover interfaces were not removed', { error: String(error) }),
      );
    }, lingerMs).unref();
  };

  const allocate = async (network: NetworkInfo, request: ReserveEndpoint): Promise<TakenAddresses> => {
    const known = addressesOf(network);
    const { ipv4Address: ipv4, ipv6Address: ipv6 } = request;
    const wanted = { ...(ipv4 ? { ipv4 } : {}), ...(ipv6 ? { ipv6 } : {}) };
    const taken = known.take(wanted);
    if (taken) return taken;
    await reap();
    const reaped = known.take(wanted);
    if (reaped) return reaped;
    throw exhausted(
      `no available IPv4 addresses on this network's address pools: ${network.name} (${network.id})`,
      {
        code: 'no-address',
        hint: 'stop containers on this network, or make one with a larger --subnet',
      },
    );
  };

  const findOn = (containerId: ContainerId, networkId: NetworkId): Endpoint | undefined =>
    byContainer.get(containerId)?.find(({ endpoint }) => endpoint.networkId === networkId)?.endpoint;

  const remember = (record: EndpointRecord): void => {
    const { containerId } = record.endpoint;
    byContainer.set(containerId, [...(byContainer.get(containerId) ?? []), record]);
  };

  const recordsOf = (containerId: ContainerId): readonly EndpointRecord[] =>
    byContainer.get(containerId) ?? [];

  /** Out leads the highest priority, then the first name; internal networks lead nowhere. */
  const gatewayAmong = (candidates: readonly EndpointRecord[]): EndpointRecord | undefined =>
    candidates
      .filter(({ endpoint }) => !networks.get(endpoint.networkId).internal)
      .toSorted(
        ({ endpoint: a }, { endpoint: b }) =>
          b.gatewayPriority - a.gatewayPriority || (a.networkName < b.networkName ? -1 : 1),
      )[0];

  /** The ports follow the gateway: first the record, then the rules, so that a crash in between is mended by `recover`. */
  const movePorts = async (containerId: ContainerId, to: EndpointRecord | undefined): Promise<void> => {
    const from = recordsOf(containerId).find(({ endpoint }) => endpoint.ports.length > 0);
    if (!from || !to || from === to) return;
    const given = { ...from, endpoint: { ...from.endpoint, ports: [] } };
    const taken = { ...to, endpoint: { ...to.endpoint, ports: from.endpoint.ports } };
    const changed = new Map([
      [from, given],
      [to, taken],
    ]);
    hostPorts.transfer(from.endpoint.endpointId, ownerOf(to));
    records.putEndpoints([given, taken]);
    byContainer.set(
      containerId,
      recordsOf(containerId).map((record) => changed.get(record) ?? record),
    );
    faultPoint('network.gateway.recorded');
    await openPorts(taken.endpoint);
  };

  const names = createContainerNames({
    resolver: deps.resolver,
    networks,
    placesOf: (containerId) => recordsOf(containerId).map(({ endpoint }) => endpoint),
    gatewayOf: (containerId) => gatewayAmong(recordsOf(containerId))?.endpoint,
    log,
  });

  return {
    find: (containerId) => recordsOf(containerId).map(({ endpoint }) => endpoint),
    async rename(containerId, from, to) {
      const renamed = recordsOf(containerId).map(({ endpoint }) => ({
        endpoint: { ...endpoint, names: endpoint.names.map((name) => (name === from ? to : name)) },
        containerName: to,
      }));
      if (renamed.length === 0) return;
      records.putEndpoints(renamed);
      byContainer.set(containerId, renamed);
      await names.changed(containerId);
    },
    gatewayOf: (containerId) => gatewayAmong(recordsOf(containerId))?.endpoint,
    members: (networkId) =>
      [...byContainer.values()]
        .flat()
        .filter(({ endpoint }) => endpoint.networkId === networkId)
        .map(({ containerName }) => containerName),

    async reserve(request) {
      const known = findOn(request.containerId, request.networkId);
      if (known) return known;
      const network = networks.get(request.networkId);
      const others = recordsOf(request.containerId).map(({ endpoint }) => endpoint);
      const hasPorts =
        network.driver === 'bridge' && !network.internal && !others.some(({ ports }) => ports.length > 0);
      const wantedPorts = hasPorts ? withHostAddress(network, request.ports) : [];
      checkLoopback(wantedPorts);
      const interfaceName = interfaceNameFor(network, request, others);
      await using undo = new AsyncDisposableStack();
      const taken = await allocate(network, request);
      const draft = describeEndpoint(network, { ...request, interfaceName }, taken);
      undo.defer(() => give(draft));
      const ports = hostPorts.reserve(
        ownerOf({ endpoint: draft, containerName: request.containerName }),
        wantedPorts,
      );
      undo.defer(() => hostPorts.release(draft.endpointId));
      const endpoint = { ...draft, ports };
      faultPoint('network.reserve.held');
      records.putEndpoints([{ endpoint, containerName: request.containerName }]);
      faultPoint('network.reserve.recorded');
      remember({ endpoint, containerName: request.containerName });
      undo.move();
      return endpoint;
    },

    async attach({ containerId, networkId }, pid) {
      const endpoint = findOn(containerId, networkId);
      if (!endpoint) throw notFound(`container ${containerId} has no place on network ${networkId}`);
      const network = networks.get(networkId);
      await plumbing.bringUp(network);
      const gateway = gatewayAmong(recordsOf(containerId));
      const isGateway = gateway?.endpoint.endpointId === endpoint.endpointId;
      // Another one had the way out until now: only then is there something to take away first.
      const takesOver = isGateway && attached.has(containerId);
      // The rules and the interface do not need each other: nft works while the kernel makes the pair.
      const opened = openPorts(endpoint);
      try {
        faultPoint('network.attach.begin');
        await links.connect(endpoint, { network, pid, isGateway: isGateway && !takesOver });
        faultPoint('network.attach.connected');
        await opened;
        faultPoint('network.attach.opened');
        if (takesOver) {
          await links.setGateway(pid, endpoint);
          await movePorts(containerId, gateway);
        }
        attached.add(containerId);
        await names.joined(containerId, pid);
      } catch (error) {
        await Promise.allSettled([opened, links.removeInside(pid, endpoint)]);
        throw error;
      }
    },

    async detach({ containerId, networkId, pid }) {
      const endpoint = findOn(containerId, networkId);
      if (!endpoint) return;
      const isOther = (record: EndpointRecord): boolean => record.endpoint.networkId !== networkId;
      const wasGateway = gatewayAmong(recordsOf(containerId))?.endpoint.endpointId === endpoint.endpointId;
      await movePorts(containerId, gatewayAmong(recordsOf(containerId).filter(isOther)));
      const ports = findOn(containerId, networkId)?.ports ?? [];
      if (ports.length > 0) await closePorts([{ ...endpoint, ports }]);
      faultPoint('network.detach.closed');
      records.deleteEndpoints([endpoint.endpointId]);
      const kept = recordsOf(containerId).filter(isOther);
      if (kept.length > 0) byContainer.set(containerId, kept);
      else byContainer.delete(containerId);
      hostPorts.release(endpoint.endpointId);
      // The namespace lives on, so the interface does not die by itself.
      if (pid !== undefined) await links.removeInside(pid, endpoint);
      give(endpoint);
      await names.changed(containerId);
      if (pid !== undefined && wasGateway) await links.setGateway(pid, gatewayAmong(kept)?.endpoint);
    },

    async publish(containerId, change) {
      const place =
        recordsOf(containerId).find(({ endpoint }) => endpoint.ports.length > 0) ??
        gatewayAmong(recordsOf(containerId));
      if (!place) return;
      const before = place.endpoint;
      const network = networks.get(before.networkId);
      if (network.driver !== 'bridge') return;
      const add = withHostAddress(network, change.add);
      const { closing, opening } = changePorts(before.ports, { add, remove: change.remove });
      checkLoopback(opening);
      using undo = new DisposableStack();
      // Under a name of their own until all is done, so that a failure gives back these alone.
      const draft = randomHexId();
      const given = closing.filter((port) => opening.some((wanted) => meetsRequest(port, wanted)));
      hostPorts.releaseSome(before.endpointId, given);
      undo.defer(() => hostPorts.restore(ownerOf(place), given));
      const opened = hostPorts.reserve({ ...ownerOf(place), endpointId: draft }, opening);
      undo.defer(() => hostPorts.release(draft));
      const ports = [...before.ports.filter((port) => !closing.includes(port)), ...opened];
      const record = { ...place, endpoint: { ...before, ports } };
      replace(place, record);
      faultPoint('network.publish.recorded');
      try {
        await exchangePorts(before, record.endpoint);
      } catch (error) {
        replace(record, place);
        throw error;
      }
      faultPoint('network.publish.opened');
      undo.move();
      hostPorts.releaseSome(before.endpointId, closing);
      hostPorts.transfer(draft, ownerOf(place));
    },

    async release(containerId) {
      attached.delete(containerId);
      names.ended(containerId);
      const ended = byContainer.get(containerId) ?? [];
      const endpoints = ended.map(({ endpoint }) => endpoint);
      if (endpoints.some(({ ports }) => ports.length > 0)) {
        await closePorts(endpoints);
        faultPoint('network.release.closed');
      }
      records.deleteEndpointsOf(containerId);
      faultPoint('network.release.forgotten');
      byContainer.delete(containerId);
      for (const endpoint of endpoints) {
        hostPorts.release(endpoint.endpointId);
        lingering.set(endpoint.endpointId, endpoint);
      }
      if (endpoints.length > 0) reapLater();
    },

    close() {
      clearTimeout(reaper);
      for (const { endpoint } of [...byContainer.values()].flat()) hostPorts.release(endpoint.endpointId);
      links[Symbol.dispose]();
      return Promise.resolve();
    },

    async repair() {
      const all = [...byContainer.values()].flat();
      const inUse = networks
        .list()
        .filter(
          ({ id, driver }) => driver === 'bridge' && all.some(({ endpoint }) => endpoint.networkId === id),
        );
      await plumbing.restore(
        inUse,
        all.flatMap(({ endpoint }) => publishedPorts(endpoint)),
      );
      rejoin(all);
      for (const network of inUse) plumbing.allowLoopback(network);
    },

    async recover(running) {
      const all = records.endpoints();
      const live = all.filter(({ endpoint }) => running.has(endpoint.containerId));
      const dead = all.filter((record) => !live.includes(record));
      for (const record of live) {
        remember(record);
        attached.add(record.endpoint.containerId);
        const network = networks.get(record.endpoint.networkId);
        addressesOf(network).retake(plainAddresses(record.endpoint));
        hostPorts.restore(ownerOf(record), record.endpoint.ports);
      }
      const inUse = networks
        .list()
        .filter(
          ({ id, driver }) => driver === 'bridge' && live.some(({ endpoint }) => endpoint.networkId === id),
        );
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

  function rejoin(places: readonly EndpointRecord[]): void {
    links.rejoin(
      places.flatMap(({ endpoint }) => {
        const { bridge } = networks.get(endpoint.networkId);
        return bridge === undefined ? [] : [{ endpointId: endpoint.endpointId, bridge }];
      }),
    );
  }

  function replace(from: EndpointRecord, to: EndpointRecord): void {
    records.putEndpoints([to]);
    const { containerId } = to.endpoint;
    byContainer.set(
      containerId,
      recordsOf(containerId).map((record) => (record === from ? to : record)),
    );
  }

  async function exchangePorts(before: Endpoint, after: Endpoint): Promise<void> {
    const closed = before.ports.filter((port) => !after.ports.includes(port));
    await firewall.change((plan) => ({
      ...plan,
      ipv6Loopback: ipv6LoopbackWorks(),
      ports: [...without(plan.ports, [before]), ...publishedPorts(after)],
    }));
    plumbing.allowLoopback(networks.get(after.networkId));
    staleFlows.closed(publishedPorts({ ...before, ports: closed }));
    staleFlows.opened(publishedPorts(after), () => links.hostAddresses());
  }

  async function openPorts(endpoint: Endpoint): Promise<void> {
    if (endpoint.ports.length === 0) return;
    await firewall.change((plan) => ({
      ...plan,
      ipv6Loopback: ipv6LoopbackWorks(),
      ports: [...without(plan.ports, [endpoint]), ...publishedPorts(endpoint)],
    }));
    plumbing.allowLoopback(networks.get(endpoint.networkId));
    staleFlows.opened(publishedPorts(endpoint), () => links.hostAddresses());
  }

  async function closePorts(endpoints: readonly Endpoint[]): Promise<void> {
    await firewall.change((plan) => ({ ...plan, ports: without(plan.ports, endpoints) }));
    staleFlows.closed(endpoints.flatMap(publishedPorts));
  }
}

/** A port that closes and opens again in one change. */
function meetsRequest(port: PortRequest, wanted: PortRequest): boolean {
  return port.protocol === wanted.protocol && (wanted.hostPort === 0 || port.hostPort === wanted.hostPort);
}

function checkLoopback(ports: readonly { hostAddress: string }[]): void {
  if (!ports.some(({ hostAddress }) => hostAddress === '::1') || ipv6LoopbackWorks()) return;
  throw unsupported('cannot publish on [::1]: this host filters bridged IPv6 traffic (br_netfilter)', {
    code: 'ipv6-loopback',
    hint: 'publish on 127.0.0.1, or set net.bridge.bridge-nf-call-ip6tables=0',
  });
}

function ownerOf({ endpoint, containerName }: EndpointRecord): PortOwner {
  return {
    endpointId: endpoint.endpointId,
    name: containerName,
    ipv4: endpoint.ipv4.address,
    ...(endpoint.ipv6 ? { ipv6: endpoint.ipv6.address } : {}),
  };
}

function publishedPorts(endpoint: Endpoint): PublishedPort[] {
  return endpoint.ports.flatMap((port) => {
    const address = port.hostAddress.includes(':') ? endpoint.ipv6?.address : endpoint.ipv4.address;
    if (address === undefined) return [];
    const { protocol, hostAddress, hostPort, containerPort } = port;
    return [{ protocol, hostAddress, hostPort, address, containerPort }];
  });
}

/** By the host's side, which only one container can hold. */
function without(ports: readonly PublishedPort[], endpoints: readonly Endpoint[]): PublishedPort[] {
  const keyOf = (port: { protocol: string; hostAddress: string; hostPort: number }): string =>
    `${port.protocol} ${port.hostAddress} ${port.hostPort}`;
  const gone = new Set(endpoints.flatMap((endpoint) => endpoint.ports.map(keyOf)));
  return ports.filter((port) => !gone.has(keyOf(port)));
}
