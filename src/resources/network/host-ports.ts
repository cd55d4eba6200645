import { conflict, exhausted, invalid, isKind, type SiloError } from '../../foundation/base/errors.ts';
import { holdPort, type HeldPort } from '../../foundation/kernel/port-hold.ts';
import { isErrno } from '../../foundation/kernel/syscall-error.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { PortRequest } from './network.ts';

/** Ports of the host that our containers use. Each is bound in this process, so that nobody else takes it. */
export interface HostPorts {
  /** All or none. The result has the real port numbers and one entry per host address. */
  reserve(owner: PortOwner, requests: readonly PortRequest[]): PortRequest[];
  /** Takes the ports of a container that outlived the engine. One that a stranger took meanwhile stays published, and is logged. */
  restore(owner: PortOwner, ports: readonly PortRequest[]): void;
  /** The ports of one endpoint become those of another one of the same container; the host's side never opens. */
  transfer(fromEndpointId: string, to: PortOwner): void;
  release(endpointId: string): void;
  /** Lets go of some of the ports of an endpoint. */
  releaseSome(endpointId: string, ports: readonly PortRequest[]): void;
}

export interface PortOwner {
  endpointId: string;
  /** Of the container; for error texts. */
  name: string;
  /** Absent: nothing is published on addresses of this family. */
  ipv4?: string;
  ipv6?: string;
}

interface Claim {
  endpointId: string;
  port: PortRequest;
  held: HeldPort | undefined;
}

/** Of one container: each takes a socket, and all are bound in one go. */
const mostPorts = 4096;
/** How often a free port of one family turns out to be taken in the other before we give up. */
const ephemeralAttempts = 64;

export function createHostPorts({ log }: { log: Log }): HostPorts {
  const claims = new Map<string, Claim[]>();
  const keyOf = (port: PortRequest): string => `${port.protocol}/${port.hostPort}`;

  const add = (claim: Claim): void => {
    const key = keyOf(claim.port);
    claims.set(key, [...(claims.get(key) ?? []), claim]);
  };
  const release = (endpointId: string): void => {
    for (const [key, list] of claims) {
      const kept = list.filter((claim) => claim.endpointId !== endpointId);
      if (kept.length === list.length) continue;
      for (const claim of list) if (claim.endpointId === endpointId) claim.held?.[Symbol.dispose]();
      if (kept.length > 0) claims.set(key, kept);
      else claims.delete(key);
    }
  };

  const unclaim = (port: PortRequest): void => {
    const list = claims.get(keyOf(port)) ?? [];
    for (const claim of list) if (claim.port === port) claim.held?.[Symbol.dispose]();
    const kept = list.filter((claim) => claim.port !== port);
    if (kept.length > 0) claims.set(keyOf(port), kept);
    else claims.delete(keyOf(port));
  };

  const claim = (owner: PortOwner, port: PortRequest): PortRequest => {
    const taken = claims.get(keyOf(port))?.some((other) => meets(other.port.hostAddress, port.hostAddress));
    if (taken) throw alreadyAllocated(owner, port);
    const held = hold(owner, port);
    const real = { ...port, hostPort: held.port };
    add({ endpointId: owner.endpointId, port: real, held });
    return real;
  };

  const claimEvery = (owner: PortOwner, request: PortRequest): PortRequest[] => {
    const addresses = hostAddresses(owner, request);
    const [first, ...others] = addresses.map((hostAddress) => ({ ...request, hostAddress }));
    if (!first) return [];
    const both = others.length === 1 && !claims.has(keyOf(request)) ? holdBoth(request) : undefined;
    if (both) {
      const ports = [first, ...others];
      ports.forEach((port, index) =>
        add({ endpointId: owner.endpointId, port, held: index === 0 ? both : undefined }),
      );
      return ports;
    }
    const real = claim(owner, first);
    return [real, ...others.map((other) => claim(owner, { ...other, hostPort: real.hostPort }))];
  };

  const claimWithin = (owner: PortOwner, request: PortRequest, lastHostPort: number): PortRequest[] => {
    for (let hostPort = request.hostPort; ; hostPort++) {
      const addresses = hostAddresses(owner, request);
      const claimed: PortRequest[] = [];
      try {
        for (const hostAddress of addresses)
          claimed.push(claim(owner, { ...plainRequest(request), hostAddress, hostPort }));
        return claimed;
      } catch (error) {
        for (const port of claimed) unclaim(port);
        if (hostPort < lastHostPort && isKind(error, 'conflict')) continue;
        throw error;
      }
    }
  };

  const claimFree = (owner: PortOwner, request: PortRequest): PortRequest[] => {
    const addresses = hostAddresses(owner, request);
    return holdFree(owner, request, addresses).map((held, index) => {
      const port = { ...request, hostAddress: addresses[index] ?? '', hostPort: held.port };
      add({ endpointId: owner.endpointId, port, held });
      return port;
    });
  };

  return {
    reserve(owner, requests) {
      if (requests.length > mostPorts)
        throw invalid(`${failed(owner)}: ${requests.length} published ports are more than ${mostPorts}`, {
          code: 'too-many-ports',
          hint: 'put the container on the network of the host or on a macvlan network',
        });
      try {
        // Wanted numbers first, so that no free choice takes them away.
        const results = new Map<PortRequest, PortRequest[]>();
        for (const request of requests)
          if (request.hostPort !== 0 && request.lastHostPort === undefined)
            results.set(request, claimEvery(owner, request));
        for (const request of requests)
          if (request.hostPort !== 0 && request.lastHostPort !== undefined)
            results.set(request, claimWithin(owner, request, request.lastHostPort));
        for (const request of requests)
          if (request.hostPort === 0) results.set(request, claimFree(owner, request));
        return requests.flatMap((request) => results.get(request) ?? []);
      } catch (error) {
        release(owner.endpointId);
        throw error;
      }
    },
    restore(owner, ports) {
      for (const port of ports) {
        let held: HeldPort | undefined;
        try {
          held = hold(owner, port);
        } catch (error) {
          log.warn('published port is in use by another process too', {
            container: owner.name,
            error: String(error),
          });
        }
        add({ endpointId: owner.endpointId, port, held });
      }
    },
    transfer(fromEndpointId, to) {
      for (const claim of [...claims.values()].flat())
        if (claim.endpointId === fromEndpointId) claim.endpointId = to.endpointId;
    },
    release,
    releaseSome(endpointId, ports) {
      for (const port of ports) {
        const found = claims
          .get(keyOf(port))
          ?.find((claim) => claim.endpointId === endpointId && claim.port.hostAddress === port.hostAddress);
        if (found) unclaim(found.port);
      }
    },
  };
}

function plainRequest({ lastHostPort: _last, ...port }: PortRequest): PortRequest {
  return port;
}

function hostAddresses(owner: PortOwner, request: PortRequest): string[] {
  if (request.hostAddress === '') return [...(owner.ipv4 ? ['0.0.0.0'] : []), ...(owner.ipv6 ? ['::'] : [])];
  const family = request.hostAddress.includes(':') ? 6 : 4;
  if (!(family === 6 ? owner.ipv6 : owner.ipv4))
    throw invalid(
      `${failed(owner)}: cannot publish on ${request.hostAddress}: the network has no IPv${family}`,
      {
        hint: `publish on an IPv${10 - family} address, or use a network with IPv${family}`,
      },
    );
  return [request.hostAddress];
}

/** Both families by one socket; undefined when somebody has the port in either: who asks one by one learns in which. */
function holdBoth({ protocol, hostPort }: PortRequest): HeldPort | undefined {
  try {
    return holdPort({ protocol, address: '::', port: hostPort, bothFamilies: true });
  } catch (error) {
    if (isErrno(error, 'EADDRINUSE', 'EADDRNOTAVAIL', 'EAFNOSUPPORT')) return undefined;
    throw error;
  }
}

function hold(owner: PortOwner, port: PortRequest): HeldPort {
  try {
    return holdPort({ protocol: port.protocol, address: port.hostAddress, port: port.hostPort });
  } catch (error) {
    if (isErrno(error, 'EADDRINUSE')) throw inUse(owner, port, 'address already in use', error);
    if (isErrno(error, 'EADDRNOTAVAIL')) throw inUse(owner, port, 'cannot assign requested address', error);
    throw error;
  }
}

/**
 * One free port on all the addresses (one a family). The kernel's choice for the first may be taken on the second: then it is asked again,
 * while the refused one stays bound so that it is not offered twice.
 */
function holdFree(owner: PortOwner, request: PortRequest, addresses: readonly string[]): HeldPort[] {
  const [first = '', second] = addresses;
  using refused = new DisposableStack();
  for (let attempt = 0; attempt < ephemeralAttempts; attempt++) {
    const one = hold(owner, { ...request, hostAddress: first, hostPort: 0 });
    if (second === undefined) return [one];
    try {
      return [one, hold(owner, { ...request, hostAddress: second, hostPort: one.port })];
    } catch (error) {
      refused.use(one);
      if (!isKind(error, 'conflict')) throw error;
    }
  }
  throw exhausted(`${failed(owner)}: all ports are allocated`, { code: 'no-free-port' });
}

/** Whether two host addresses of one protocol and port exclude each other. */
function meets(a: string, b: string): boolean {
  const family = (address: string): boolean => address.includes(':');
  if (family(a) !== family(b)) return false;
  const every = (address: string): boolean => address === '0.0.0.0' || address === '::';
  return a === b || every(a) || every(b);
}

// Clients match on the following texts; they are Docker 28's.
function failed(owner: PortOwner): string {
  return `driver failed programming external connectivity on endpoint ${owner.name} (${owner.endpointId})`;
}

function alreadyAllocated(owner: PortOwner, port: PortRequest): SiloError {
  return conflict(
    `${failed(owner)}: Bind for ${joined(port.hostAddress, port.hostPort)} failed: port is already allocated`,
    {
      code: 'port-allocated',
      hint: 'another container publishes this port: stop it, or choose another port',
    },
  );
}

function inUse(owner: PortOwner, port: PortRequest, reason: string, cause: unknown): SiloError {
  const target = port.hostAddress.includes(':') ? (owner.ipv6 ?? '') : (owner.ipv4 ?? '');
  const from = joined(port.hostAddress, port.hostPort);
  return conflict(
    `${failed(owner)}: failed to bind host port for ${from}:${joined(target, port.containerPort)}/${port.protocol}: ${reason}`,
    {
      code: 'port-allocated',
      hint:
        reason === 'address already in use'
          ? `a program on the host uses the port (ss -tulpn shows which): stop it, or choose another port`
          : 'publish on an address that this host has',
      cause,
    },
  );
}

function joined(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
