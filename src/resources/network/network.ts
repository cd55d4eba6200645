import type { ContainerId, NetworkId } from '../../foundation/base/ids.ts';

/**
 * Networks and their endpoints.
 *
 * A *network* is a record (and, for the bridge driver, a Linux bridge and rules in our own nftables table). An *endpoint* is one
 * container's place on it. `reserve` is durable and cheap (an address, a MAC, host ports that are bound so that nobody else takes them);
 * `attach` moves an interface into a network namespace; `release` gives all back. After a restart `recover` is told which containers
 * still run: it takes their ports and addresses again and releases everything else.
 */
export interface Networks {
  list(): NetworkInfo[];
  /** By id, unambiguous id prefix, or name; not-found otherwise. */
  get(nameOrId: string): NetworkInfo;
  create(request: CreateNetwork): Promise<NetworkInfo>;
  remove(id: NetworkId): Promise<void>;
}

export interface CreateNetwork {
  name: string;
  driver: 'bridge' | 'macvlan' | 'ipvlan';
  internal?: boolean;
  attachable?: boolean;
  /** Default true. Without it the network has IPv6 alone. */
  enableIpv4?: boolean;
  /** Default true: with no IPv6 block a unique-local one is chosen. */
  enableIpv6?: boolean;
  /** Blocks; an IPv4 one is chosen from the pools when there is none. */
  ipam?: IpamRequest[];
  /** Kept for inspect: our address management has no options. */
  ipamOptions?: Record<string, string>;
  options?: Record<string, string>;
  labels?: Record<string, string>;
  /** It only holds blocks, options and labels for others. */
  configOnly?: boolean;
  /** Name of the network that holds its blocks, options and labels. */
  configFrom?: string;
}

export interface IpamRequest {
  /** CIDR. */
  subnet?: string;
  gateway?: string;
  /** CIDR within the subnet, from which containers get theirs. */
  ipRange?: string;
  /** Addresses that others have, by a name for people. */
  auxiliary?: Record<string, string>;
}

export type IpamBlock = Required<Pick<IpamRequest, 'subnet' | 'gateway'>> &
  Pick<IpamRequest, 'ipRange' | 'auxiliary'> & {
    /** We chose the block: nobody may build on its addresses. */
    automatic?: boolean;
    /** Of a block that was asked for without its gateway. */
    automaticGateway?: boolean;
  };

export interface NetworkInfo {
  id: NetworkId;
  name: string;
  driver: 'bridge' | 'host' | 'null' | 'macvlan' | 'ipvlan';
  scope: 'local';
  internal: boolean;
  /** Kept for inspect: it concerns swarms only. */
  attachable: boolean;
  enableIpv4: boolean;
  enableIpv6: boolean;
  ipam: IpamBlock[];
  ipamOptions?: Record<string, string>;
  configOnly?: boolean;
  configFrom?: string;
  options: Record<string, string>;
  labels: Record<string, string>;
  /** Name of the Linux bridge; absent for host and none. */
  bridge?: string;
  createdAtMs: number;
}

export interface Endpoints {
  /**
   * Idempotent per container and network. The host's ports are held by one endpoint of a container: the first that is reserved with ports on a network
   * with a way out. Errors: `conflict` code `port-allocated` or `address-in-use`, `exhausted` when the pool is used up.
   */
  reserve(request: ReserveEndpoint): Promise<Endpoint>;
  /**
   * Moves the interface into the namespace of this process and configures it (name, addresses, `lo` up), then opens the ports. The endpoint that is the
   * container's gateway gets the default routes, and the ports if another one had them.
   */
  attach(endpoint: Endpoint, pid: number): Promise<void>;
  /**
   * Takes one endpoint from a running container (`pid`) or forgets its reservation: closes ports, deletes the interface, frees addresses; routes and ports
   * go to the endpoint that is the gateway then. Absent is fine.
   */
  detach(place: { containerId: ContainerId; networkId: NetworkId; pid?: number }): Promise<void>;
  /**
   * Opens and closes ports of a running container, all or nothing: on the endpoint that has its ports, or its gateway. What is open or closed already
   * stays so. Without such an endpoint nothing is published, as at `reserve`. Errors as for `reserve`.
   */
  publish(containerId: ContainerId, change: PortChange): Promise<void>;
  /** Closes ports, frees addresses; the interfaces die with their namespace. Absent is fine. */
  release(containerId: ContainerId): Promise<void>;
  find(containerId: ContainerId): Endpoint[];
  /** The container has another name: one of its names on every network changes. */
  rename(containerId: ContainerId, from: string, to: string): Promise<void>;
  /** The endpoint whose network leads the container out: the highest priority, then the first name; none when all its networks are internal. */
  gatewayOf(containerId: ContainerId): Endpoint | undefined;
  /** Makes bridges, their members and all rules as the records say, whatever somebody did to them. */
  repair(): Promise<void>;
  /** Called once at start with the containers that still run, and their first processes. */
  recover(running: ReadonlyMap<ContainerId, number>): Promise<void>;
}

export interface ReserveEndpoint {
  containerId: ContainerId;
  networkId: NetworkId;
  /** Shown in error texts, as Docker does. */
  containerName: string;
  ports: readonly PortRequest[];
  macAddress?: string;
  ipv4Address?: string;
  ipv6Address?: string;
  /** Inside; `eth0` or the next free number when absent. */
  interfaceName?: string;
  /** Default 0. */
  gatewayPriority?: number;
  /** Under which others on the network find it; with none it neither has a name nor finds others by name. */
  names?: readonly string[];
  /** Names of its own for others: alias to name. */
  links?: Readonly<Record<string, string>>;
  /** Settings of the interface. */
  sysctls?: readonly InterfaceSysctl[];
  /** Servers for names that are no container's; the host's when empty. */
  dns?: readonly string[];
}

/** `net.FAMILY.GROUP.INTERFACE.NAME`: what stands below `/proc/sys/net/FAMILY/GROUP/INTERFACE`. */
export interface InterfaceSysctl {
  family: 'ipv4' | 'ipv6' | 'mpls';
  group: 'conf' | 'neigh';
  name: string;
  value: string;
}

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** `hostPort` 0 asks for a free one. `hostAddress` empty means every address of both families. */
export interface PortRequest {
  containerPort: number;
  protocol: PortProtocol;
  hostAddress: string;
  hostPort: number;
  /** In a request: any free one from `hostPort` to this one will do. */
  lastHostPort?: number;
}

/** To be removed is what fits: an empty address and port 0 fit every one of that container port. */
export interface PortChange {
  add: readonly PortRequest[];
  remove: readonly PortRequest[];
}

/** An address with what its interface needs to know of the block. The gateway is empty where there is none among neighbours. */
export interface Located {
  address: string;
  prefixLength: number;
  gateway: string;
}

export interface Endpoint {
  endpointId: string;
  containerId: ContainerId;
  networkId: NetworkId;
  networkName: string;
  macAddress: string;
  ipv4?: Located;
  ipv6?: Located;
  interfaceName: string;
  gatewayPriority: number;
  names: string[];
  links: Record<string, string>;
  dns: string[];
  sysctls: InterfaceSysctl[];
  /** With the real host ports; one entry per host address as Docker shows them (`0.0.0.0` and `::`). */
  ports: PortRequest[];
}

/** The addresses that an endpoint has, IPv4 first. */
export function addressesOf({ ipv4, ipv6 }: Pick<Endpoint, 'ipv4' | 'ipv6'>): Located[] {
  return [ipv4, ipv6].filter((located) => located !== undefined);
}

export function bridgeOf(network: NetworkInfo): string {
  if (network.bridge === undefined) throw new Error(`network ${network.name} has no bridge`);
  return network.bridge;
}
