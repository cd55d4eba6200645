import { findIpAddress, parseIpSubnet, subnetContains } from '../../../foundation/base/ip-address.ts';
import type { ResolverContainer, ResolverPlace } from './resolver.ts';

/** Who has which name and address on which network. Names are lower case without a final dot. */
export interface NameTable {
  put(container: ResolverContainer): void;
  drop(containerId: string): void;
  find(containerId: string): ResolverContainer | undefined;
  /** What the name means to this container. */
  lookUp(containerId: string, name: string): NameMeaning;
  /** Whose address it is, seen from this container. */
  lookUpAddress(containerId: string, address: string): AddressMeaning;
  /** Changes with every change: what was derived from the table before is void. */
  readonly generation: number;
}

export type NameMeaning =
  | { kind: 'known'; ipv4: string[]; ipv6: string[] }
  /** Ours to know, and there is none: never asked elsewhere. */
  | { kind: 'absent' }
  | { kind: 'foreign' };

export type AddressMeaning = { kind: 'known'; name: string } | { kind: 'absent' } | { kind: 'foreign' };

const hostNames = new Set(['host.docker.internal', 'host.containers.internal', 'gateway.docker.internal']);

interface NetworkNames {
  name: string;
  /** Container ids, in the order of joining. */
  holders: Map<string, Set<string>>;
  addresses: Map<string, string>;
}

export function createNameTable(): NameTable {
  const containers = new Map<string, ResolverContainer>();
  const networks = new Map<string, NetworkNames>();
  let generation = 0;

  const drop = (containerId: string): void => {
    const container = containers.get(containerId);
    if (!container) return;
    generation++;
    containers.delete(containerId);
    for (const place of container.places) forget(networks, containerId, place);
  };

  return {
    get generation() {
      return generation;
    },
    drop,
    put(container) {
      drop(container.containerId);
      generation++;
      containers.set(container.containerId, container);
      for (const place of container.places) remember(networks, container.containerId, place);
    },
    find: (containerId) => containers.get(containerId),
    lookUp(containerId, name) {
      const asker = containers.get(containerId);
      if (!asker) return { kind: 'absent' };
      if (name === 'localhost' || name.endsWith('.localhost'))
        return { kind: 'known', ipv4: ['127.0.0.1'], ipv6: ['::1'] };
      if (hostNames.has(name))
        return asker.host
          ? { kind: 'known', ipv4: present(asker.host.ipv4), ipv6: present(asker.host.ipv6) }
          : { kind: 'absent' };
      const found = asker.places.flatMap((place) => holdersOn(networks, place, name));
      if (found.length > 0) return addressesOf(containers, found);
      // A name without a dot belongs to no public zone, and one below a network's name belongs to the network.
      const isOurs =
        !name.includes('.') || asker.places.some(({ networkName }) => name.endsWith(suffixOf(networkName)));
      return { kind: isOurs ? 'absent' : 'foreign' };
    },
    lookUpAddress(containerId, address) {
      const asker = containers.get(containerId);
      if (!asker) return { kind: 'absent' };
      for (const { networkId, networkName } of asker.places) {
        const holder = networks.get(networkId)?.addresses.get(address);
        const place = holder === undefined ? undefined : placeOn(containers.get(holder), networkId);
        if (place?.names[0] !== undefined) return { kind: 'known', name: `${place.names[0]}.${networkName}` };
      }
      const parsed = findIpAddress(address);
      const isOurs =
        parsed !== undefined &&
        asker.places.some(({ subnets }) =>
          subnets.some((subnet) => subnetContains(parseIpSubnet(subnet), parsed)),
        );
      return { kind: isOurs ? 'absent' : 'foreign' };
    },
  };
}

function remember(networks: Map<string, NetworkNames>, containerId: string, place: ResolverPlace): void {
  let network = networks.get(place.networkId);
  if (!network) {
    network = { name: place.networkName, holders: new Map(), addresses: new Map() };
    networks.set(place.networkId, network);
  }
  for (const name of place.names) {
    const key = name.toLowerCase();
    const holders = network.holders.get(key) ?? new Set<string>();
    network.holders.set(key, holders.add(containerId));
  }
  for (const address of addressesAt(place)) network.addresses.set(address, containerId);
}

function forget(networks: Map<string, NetworkNames>, containerId: string, place: ResolverPlace): void {
  const network = networks.get(place.networkId);
  if (!network) return;
  for (const name of place.names) {
    const key = name.toLowerCase();
    const holders = network.holders.get(key);
    holders?.delete(containerId);
    if (holders?.size === 0) network.holders.delete(key);
  }
  for (const address of addressesAt(place))
    if (network.addresses.get(address) === containerId) network.addresses.delete(address);
  if (network.holders.size === 0 && network.addresses.size === 0) networks.delete(place.networkId);
}

const present = (address: string | undefined): string[] => (address === undefined ? [] : [address]);
const addressesAt = ({ ipv4, ipv6 }: ResolverPlace): string[] => [...present(ipv4), ...present(ipv6)];

const placeOn = (container: ResolverContainer | undefined, networkId: string): ResolverPlace | undefined =>
  container?.places.find((place) => place.networkId === networkId);

/** Names come in lower case, networks may be called otherwise. */
const suffixOf = (networkName: string): string => `.${networkName.toLowerCase()}`;

interface Holder {
  containerId: string;
  networkId: string;
}

/** `web`, `web.NETWORK`, or a link of the asking container's own. */
function holdersOn(networks: Map<string, NetworkNames>, place: ResolverPlace, name: string): Holder[] {
  const { networkId, networkName, links } = place;
  const suffix = suffixOf(networkName);
  const short = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
  const target = Object.hasOwn(links, short) ? links[short]?.toLowerCase() : undefined;
  const holders = networks.get(networkId)?.holders;
  const found = holders?.get(target ?? name) ?? holders?.get(short);
  return [...(found ?? [])].map((containerId) => ({ containerId, networkId }));
}

function addressesOf(
  containers: ReadonlyMap<string, ResolverContainer>,
  holders: readonly Holder[],
): NameMeaning {
  const places = holders.flatMap(({ containerId, networkId }) => {
    const place = placeOn(containers.get(containerId), networkId);
    return place ? [place] : [];
  });
  return {
    kind: 'known',
    ipv4: [...new Set(places.flatMap(({ ipv4 }) => present(ipv4)))],
    ipv6: [...new Set(places.flatMap(({ ipv6 }) => present(ipv6)))],
  };
}
