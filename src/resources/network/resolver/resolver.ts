/**
 * Names of containers on user-defined networks.
 *
 * A process of its own listens at 127.0.0.11:53 inside the network namespace of every container that is on such a network. It knows who asks by the
 * socket, so a container sees the names of its own networks and of no others. It outlives the engine (names go on being answered while the engine
 * restarts) and ends when the engine is gone and no container is left.
 */
export interface Resolver extends AsyncDisposable {
  /** Everything that is true now; what the process knows besides is forgotten. For the start of the engine. */
  restore(containers: readonly ResolverContainer[]): Promise<void>;
  /** A container came, or its places changed. Resolves when its questions are answered accordingly. */
  put(container: ResolverContainer): Promise<void>;
  /** Absent is fine. */
  drop(containerId: string): Promise<void>;
}

export interface ResolverContainer {
  containerId: string;
  /** Of a process in its network namespace, and the namespace's inode, so that another process of that number is not mistaken for it. */
  pid: number;
  namespace: number;
  places: ResolverPlace[];
  /** Addresses under which the container reaches the host; none when all its networks are internal. */
  host?: { ipv4?: string; ipv6?: string };
  /** Servers that are asked about all other names; none means that other names do not exist. */
  upstreams: string[];
}

export interface ResolverPlace {
  networkId: string;
  networkName: string;
  names: string[];
  /** Names that only this container uses: alias to the other's name. */
  links: Record<string, string>;
  ipv4?: string;
  ipv6?: string;
  /** CIDR: addresses whose names are nobody else's business. */
  subnets: string[];
}

/** What the engine tells the process, one JSON object a line; each is answered by `{"id":N}` or `{"id":N,"error":"…"}`. */
export type ResolverMessage = { id: number } & (
  | { type: 'restore'; containers: readonly ResolverContainer[] }
  | { type: 'put'; container: ResolverContainer }
  | { type: 'drop'; containerId: string }
);

export interface ResolverAnswer {
  id: number;
  error?: string;
}

/** Greets every connection: an engine of another version starts a process of its own. */
export const resolverProtocol = 2;

/** Where containers ask, as with Docker. */
export const resolverAddress = '127.0.0.11';
export const resolverPort = 53;
