import { unsupported } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { randomHexId, type ContainerId } from '../../foundation/base/ids.ts';
import type { Log } from '../../foundation/base/log.ts';
import { changePorts } from './change-ports.ts';
import { withHostAddress } from './describe-endpoint.ts';
import type { EndpointShelf } from './endpoint-shelf.ts';
import type { Firewall } from './firewall.ts';
import type { PublishedPort } from './firewall-rules.ts';
import type { HostPorts, PortOwner } from './host-ports.ts';
import type { Links } from './links.ts';
import type { Endpoint, NetworkInfo, Networks, PortChange, PortRequest } from './network.ts';
import { ipv6LoopbackWorks, type Plumbing } from './plumbing.ts';
import type { EndpointRecord } from './records.ts';
import { createStaleFlows } from './stale-flows.ts';

/** Published ports of endpoints: held on the host, and opened and closed in the rules. */
export interface EndpointPorts {
  /** Holds what an endpoint asks for on its network; the answer has real numbers. */
  hold(record: EndpointRecord, network: NetworkInfo, ports: readonly PortRequest[]): PortRequest[];
  /** Takes those of an endpoint that outlived the engine. */
  retake(record: EndpointRecord): void;
  release(endpoint: Endpoint): void;
  open(endpoint: Endpoint): Promise<void>;
  close(endpoints: readonly Endpoint[]): Promise<void>;
  /** The ports follow the gateway: first the record, then the rules, so that a crash in between is mended by `recover`. */
  move(containerId: ContainerId, to: EndpointRecord | undefined): Promise<void>;
  /** Opens and closes, all or nothing. */
  change(containerId: ContainerId, change: PortChange): Promise<void>;
}

export interface EndpointPortsDeps {
  shelf: EndpointShelf;
  networks: Pick<Networks, 'get'>;
  plumbing: Pick<Plumbing, 'allowLoopback'>;
  firewall: Firewall;
  hostPorts: HostPorts;
  links: Pick<Links, 'hostAddresses'>;
  log: Log;
}

export function createEndpointPorts(deps: EndpointPortsDeps): EndpointPorts {
  const { shelf, networks, plumbing, firewall, hostPorts, links } = deps;
  const staleFlows = createStaleFlows({ log: deps.log });

  /** One transaction: what stands for `before` goes, what `after` has comes. */
  const exchange = async (before: Endpoint, after: Endpoint): Promise<void> => {
    await firewall.change((plan) => ({
      ...plan,
      ipv6Loopback: ipv6LoopbackWorks(),
      ports: [...without(plan.ports, [before]), ...publishedPorts(after)],
    }));
    plumbing.allowLoopback(networks.get(after.networkId));
    const closed = before.ports.filter((port) => !after.ports.includes(port));
    staleFlows.closed(publishedPorts({ ...before, ports: closed }));
    staleFlows.opened(publishedPorts(after), () => links.hostAddresses());
  };
  const open = async (endpoint: Endpoint): Promise<void> => {
    if (endpoint.ports.length > 0) await exchange(endpoint, endpoint);
  };

  return {
    open,
    hold(record, network, requests) {
      const wanted = withHostAddress(network, requests);
      checkLoopback(wanted);
      return hostPorts.reserve(ownerOf(record), wanted);
    },
    retake: (record) => hostPorts.restore(ownerOf(record), record.endpoint.ports),
    release: ({ endpointId }) => hostPorts.release(endpointId),
    async close(endpoints) {
      await firewall.change((plan) => ({ ...plan, ports: without(plan.ports, endpoints) }));
      staleFlows.closed(endpoints.flatMap(publishedPorts));
    },
    async move(containerId, to) {
      const from = shelf.of(containerId).find(({ endpoint }) => endpoint.ports.length > 0);
      if (!from || !to || from === to) return;
      const given = { ...from, endpoint: { ...from.endpoint, ports: [] } };
      const taken = { ...to, endpoint: { ...to.endpoint, ports: from.endpoint.ports } };
      hostPorts.transfer(from.endpoint.endpointId, ownerOf(to));
      shelf.replace([given, taken]);
      faultPoint('network.gateway.recorded');
      await open(taken.endpoint);
    },
    async change(containerId, change) {
      const places = shelf.of(containerId);
      const place = places.find(({ endpoint }) => endpoint.ports.length > 0) ?? shelf.gatewayOf(containerId);
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
      shelf.replace([record]);
      faultPoint('network.publish.recorded');
      try {
        await exchange(before, record.endpoint);
      } catch (error) {
        shelf.replace([place]);
        // What was refused now must not come with the next change.
        await exchange(record.endpoint, before).catch(() => undefined);
        throw error;
      }
      faultPoint('network.publish.opened');
      undo.move();
      hostPorts.releaseSome(before.endpointId, closing);
      hostPorts.transfer(draft, ownerOf(place));
    },
  };
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
  const { endpointId, ipv4, ipv6 } = endpoint;
  return {
    endpointId,
    name: containerName,
    ...(ipv4 ? { ipv4: ipv4.address } : {}),
    ...(ipv6 ? { ipv6: ipv6.address } : {}),
  };
}

export function publishedPorts(endpoint: Endpoint): PublishedPort[] {
  return endpoint.ports.flatMap((port) => {
    const located = port.hostAddress.includes(':') ? endpoint.ipv6 : endpoint.ipv4;
    if (located === undefined) return [];
    const { protocol, hostAddress, hostPort, containerPort } = port;
    return [{ protocol, hostAddress, hostPort, address: located.address, containerPort }];
  });
}

/** By the host's side, which only one container can hold. */
function without(ports: readonly PublishedPort[], endpoints: readonly Endpoint[]): PublishedPort[] {
  const keyOf = (port: { protocol: string; hostAddress: string; hostPort: number }): string =>
    `${port.protocol} ${port.hostAddress} ${port.hostPort}`;
  const gone = new Set(endpoints.flatMap((endpoint) => endpoint.ports.map(keyOf)));
  return ports.filter((port) => !gone.has(keyOf(port)));
}
