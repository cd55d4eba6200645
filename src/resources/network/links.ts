import { conflict, unavailable } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { createLimiter } from '../../foundation/base/limiter.ts';
import { closeDescriptor } from '../../foundation/kernel/at.ts';
import { inNetworkNamespace, openNamespace } from '../../foundation/kernel/namespace.ts';
import { addAddress, listAddresses, removeAddress } from '../../foundation/kernel/netlink/addresses.ts';
import { setHairpin, setIsolated } from '../../foundation/kernel/netlink/bridge-port.ts';
import {
  changeLink,
  createBridge,
  createVeth,
  deleteLinks,
  findLink,
  listLinks,
  type LinkInfo,
} from '../../foundation/kernel/netlink/links.ts';
import { findInterfaceIndex } from '../../foundation/kernel/netlink/interface-index.ts';
import { addLocalRoute } from '../../foundation/kernel/netlink/local-route.ts';
import type { Request } from '../../foundation/kernel/netlink/message.ts';
import {
  addDefaultRoute,
  addRoute,
  listRoutes,
  removeRoute,
} from '../../foundation/kernel/netlink/routes.ts';
import { openRouteSocket, type RouteSocket } from '../../foundation/kernel/netlink/socket.ts';
import { parseIpAddress } from '../../foundation/base/ip-address.ts';
import { isErrno } from '../../foundation/kernel/syscall-error.ts';
import { macFromIpv4, randomMac } from './address-pool.ts';
import { bridgedTrafficIsFiltered, prepareContainer, setInterfaceSysctls } from './host-sysctls.ts';
import { readBridgeOptions } from './driver-options.ts';
import { blocksOf } from './settle-blocks.ts';
import { vethName, type KernelNames } from './names.ts';
import { addressesOf, bridgeOf, type Endpoint, type NetworkInfo } from './network.ts';
import { createInside, ensureParent, kernelLacks, removeParent } from './sublinks.ts';

/**
 * Our interfaces in the kernel, by netlink. The kernel has one lock over all interfaces, which every dying namespace holds for tens of
 * milliseconds: what happens while containers come and go runs on the thread pool, and one request at a time, because more threads would
 * only wait for the same lock.
 */
export interface Links extends Disposable {
  /**
   * Makes the network's bridge, or completes one that a crash left half-made; true when it did something. `prepare` is called before it
   * comes up.
   */
  ensureBridge(network: NetworkInfo, prepare: () => void): boolean;
  /** Makes the endpoint's interface in the namespace of the process, configured: on a bridge one end of a pair. */
  connect(
    endpoint: Endpoint,
    place: { network: NetworkInfo; pid: number; isGateway: boolean },
  ): Promise<void>;
  /** Takes the interface away while its namespace lives on; absent is fine. On a bridge by the host's end: names inside are whatever the container calls them. */
  takeAway(endpoint: Endpoint, place: { network: NetworkInfo; pid: number }): Promise<void>;
  /** Leads the default routes of the namespace through the endpoint, or nowhere. */
  setGateway(pid: number, endpoint: Endpoint | undefined): Promise<void>;
  /** Puts interfaces that lost their bridge back. */
  rejoin(endpoints: readonly { endpointId: string; bridge: string }[]): void;
  /** Deletes the host's ends; absent is fine. */
  remove(endpointIds: readonly string[]): Promise<void>;
  /** Deletes ends of this instance that belong to none of the endpoints. */
  removeStrangers(known: ReadonlySet<string>): Promise<void>;
  removeBridge(bridge: string): Promise<void>;
  /** Interfaces of ours that a network without a bridge stands on. */
  removeParent(network: NetworkInfo): Promise<void>;
  /** Every address that this host has. */
  hostAddresses(): ReadonlySet<string>;
  /** Lets answers to `::1` come in through the bridge. */
  allowIpv6Loopback(bridge: string): void;
}

/** Above every metric in use: our route for `::1` never wins against the one of `lo`. */
const loopbackMetric = 4096;

export function createLinks({ names }: { names: KernelNames }): Links {
  let opened: RouteSocket | undefined;
  const socket = (): RouteSocket => (opened ??= openRouteSocket());
  const turns = createLimiter(1);
  /** Bridges whose addresses were checked in this life of the engine. */
  const checked = new Set<string>();
  const aliasOf = (network: NetworkInfo): string => `silo:${names.instance}:${network.id}`;
  const indexOf = (name: string): number => {
    const index = findInterfaceIndex(name);
    if (index === undefined) throw unavailable(`interface ${name} is missing`, { code: 'link-missing' });
    return index;
  };

  /** A request to make the endpoint's interface. */
  const interfaceOf = (endpoint: Endpoint, network: NetworkInfo, namespaceFd: number): Request => {
    if (network.driver !== 'bridge') {
      const parent = ensureParent(socket(), network, names);
      return createInside(endpoint, network, { parent, namespaceFd });
    }
    const { mtu } = readBridgeOptions(network.options);
    const size = mtu === undefined ? {} : { mtu };
    return createVeth({
      host: {
        name: vethName(names, endpoint.endpointId),
        master: indexOf(bridgeOf(network)),
        up: true,
        ...size,
      },
      peer: { name: endpoint.interfaceName, address: endpoint.macAddress, ...size },
      namespace: { fd: namespaceFd },
    });
  };
  const makeInterface = async (request: Request, { driver }: NetworkInfo): Promise<void> => {
    try {
      await socket().executeAsync([request]);
    } catch (error) {
      throw driver !== 'bridge' && isErrno(error, 'EOPNOTSUPP')
        ? kernelLacks(`${driver} interfaces`, error)
        : error;
    }
  };
  const portSettings = (endpoint: Endpoint, network: NetworkInfo): Request[] => {
    if (network.driver !== 'bridge') return [];
    const isolated = !readBridgeOptions(network.options).betweenContainers;
    if (!isolated && !bridgedTrafficIsFiltered(4)) return [];
    const port = indexOf(vethName(names, endpoint.endpointId));
    return [
      ...(bridgedTrafficIsFiltered(4) ? [setHairpin(port, true)] : []),
      ...(isolated ? [setIsolated(port, true)] : []),
    ];
  };

  return {
    ensureBridge(network, prepare) {
      const name = network.bridge ?? '';
      if (checked.has(name) && findInterfaceIndex(name) !== undefined) return false;
      const existing = findLink(socket(), name);
      if (existing) checkOurs(existing, names);
      const [ipv4] = blocksOf(network, 4);
      if (!existing) {
        // A fixed address: otherwise the bridge takes the lowest one of its members, and changes with them.
        const address = ipv4 ? macFromIpv4(parseIpAddress(ipv4.gateway)) : randomMac();
        const { mtu } = readBridgeOptions(network.options);
        socket().execute([createBridge({ name, address, ...(mtu === undefined ? {} : { mtu }) })]);
      }
      const index = indexOf(name);
      prepare();
      socket().execute([changeLink(index, { alias: aliasOf(network) })]);
      setGateways(socket(), index, network);
      socket().execute([changeLink(index, { up: true })]);
      checked.add(name);
      return true;
    },
    async connect(endpoint, { network, pid, isGateway }) {
      const namespace = openNamespace(pid, 'net');
      try {
        inNetworkNamespace(namespace, prepareContainer);
        await turns.run(() => makeInterface(interfaceOf(endpoint, network, namespace), network));
        faultPoint('network.attach.paired');
        const { interfaceName, sysctls } = endpoint;
        if (sysctls.length > 0)
          inNetworkNamespace(namespace, () => setInterfaceSysctls(interfaceName, sysctls));
        await turns.run(() => configureInside(namespace, endpoint, isGateway));
        const port = portSettings(endpoint, network);
        if (port.length > 0) await turns.run(() => socket().executeAsync(port));
      } finally {
        closeDescriptor(namespace);
      }
    },
    async takeAway(endpoint, { network, pid }) {
      if (network.driver === 'bridge')
        return await deleteLinks(socket(), [vethName(names, endpoint.endpointId)]);
      const namespace = findNamespace(pid);
      if (namespace === undefined) return;
      try {
        using inside = openRouteSocket({ namespaceFd: namespace });
        await deleteLinks(inside, [endpoint.interfaceName]);
      } finally {
        closeDescriptor(namespace);
      }
    },
    removeParent: (network) => removeParent(socket(), network, names),
    async setGateway(pid, endpoint) {
      const namespace = openNamespace(pid, 'net');
      try {
        await turns.run(() => leadThrough(namespace, endpoint));
      } finally {
        closeDescriptor(namespace);
      }
    },
    rejoin(endpoints) {
      for (const { endpointId, bridge } of endpoints) {
        const link = findLink(socket(), vethName(names, endpointId));
        const master = indexOf(bridge);
        if (link && link.master !== master) socket().execute([changeLink(link.index, { master, up: true })]);
      }
    },
    remove: (endpointIds) =>
      deleteLinks(
        socket(),
        endpointIds.map((id) => vethName(names, id)),
      ),
    async removeStrangers(known) {
      const kept = new Set([...known].map((id) => vethName(names, id)));
      const strangers = listLinks(socket()).filter(
        ({ name, kind }) => kind === 'veth' && name.startsWith(names.vethPrefix) && !kept.has(name),
      );
      await deleteLinks(
        socket(),
        strangers.map(({ index }) => index),
      );
    },
    async removeBridge(bridge) {
      checked.delete(bridge);
      const link = findLink(socket(), bridge);
      if (link && isOurs(link, names)) await deleteLinks(socket(), [link.index]);
    },
    hostAddresses: () => new Set(listAddresses(socket()).map(({ address }) => address)),
    allowIpv6Loopback(bridge) {
      socket().execute([addLocalRoute('::1', indexOf(bridge), loopbackMetric)]);
    },
    [Symbol.dispose]: () => opened?.[Symbol.dispose](),
  };
}

/** Undefined when the process has ended, and its interfaces with it. */
function findNamespace(pid: number): number | undefined {
  try {
    return openNamespace(pid, 'net');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

/** The bridge holds the gateway's addresses and no others that were set by hand or by an earlier configuration. */
function setGateways(socket: RouteSocket, link: number, network: NetworkInfo): void {
  const { hasAddress } = readBridgeOptions(network.options);
  const wanted = network.ipam
    .filter(({ subnet }) => hasAddress[subnet.includes(':') ? 6 : 4])
    .map(({ subnet, gateway }) => ({
      link,
      address: gateway,
      prefixLength: Number(subnet.split('/')[1]),
    }));
  const stale = listAddresses(socket, link).filter(
    (found) =>
      !found.address.startsWith('fe80:') &&
      !wanted.some((want) => want.address === found.address && want.prefixLength === found.prefixLength),
  );
  socket.execute([
    ...stale.map(removeAddress),
    ...wanted.map((address) => addAddress(address, { replace: true })),
  ]);
}

async function configureInside(namespaceFd: number, endpoint: Endpoint, isGateway: boolean): Promise<void> {
  const link = indexInside(namespaceFd, endpoint);
  const families = addressesOf(endpoint);
  using inside = openRouteSocket({ namespaceFd });
  await inside.executeAsync([
    changeLink('lo', { up: true }),
    changeLink(link, { up: true }),
    ...families.map(({ address, prefixLength }) => addAddress({ link, address, prefixLength })),
    ...(isGateway ? defaultRoutes(endpoint, link) : []),
  ]);
}

/** What no longer leads anywhere goes first: a route of the other family must not stay behind when the gateway has one family only. */
async function leadThrough(namespaceFd: number, endpoint: Endpoint | undefined): Promise<void> {
  using inside = openRouteSocket({ namespaceFd });
  const old = listRoutes(inside).filter(
    ({ destination }) => destination === '0.0.0.0/0' || destination === '::/0',
  );
  if (old.length > 0) await inside.executeAsync(old.map(removeRoute));
  if (!endpoint) return;
  const link = indexInside(namespaceFd, endpoint);
  await inside.executeAsync(defaultRoutes(endpoint, link));
}

/** Without a gateway the interface itself leads out (ipvlan in mode l3). */
function defaultRoutes(endpoint: Endpoint, link: number): Request[] {
  return addressesOf(endpoint).map(({ address, gateway }) =>
    gateway === ''
      ? addRoute({ destination: address.includes(':') ? '::/0' : '0.0.0.0/0', link })
      : addDefaultRoute(gateway, link),
  );
}

function indexInside(namespaceFd: number, { interfaceName }: Endpoint): number {
  const link = inNetworkNamespace(namespaceFd, () => findInterfaceIndex(interfaceName));
  if (link === undefined)
    throw unavailable(`interface ${interfaceName} is missing in the container`, { code: 'link-missing' });
  return link;
}

function isOurs(link: LinkInfo, names: KernelNames): boolean {
  return link.kind === 'bridge' && link.alias?.startsWith(`silo:${names.instance}:`) === true;
}

/** Half-made by a crash: a bridge without alias, that is down. Everything else without our alias belongs to somebody. */
function checkOurs(link: LinkInfo, names: KernelNames): void {
  if (isOurs(link, names) || (link.kind === 'bridge' && !link.alias && !link.up)) return;
  throw conflict(
    `interface ${link.name} exists and is not of this engine${link.alias ? ` (it says ${JSON.stringify(link.alias)})` : ''}`,
    { code: 'bridge-taken', hint: 'give this daemon another bridge name, or remove the interface' },
  );
}
