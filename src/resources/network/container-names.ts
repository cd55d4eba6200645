import { statSync } from 'node:fs';
import type { ContainerId } from '../../foundation/base/ids.ts';
import type { Log } from '../../foundation/base/log.ts';
import { plainAddresses } from './describe-endpoint.ts';
import type { Endpoint, Networks } from './network.ts';
import { hostResolvers, readHostResolvConf } from './resolv-conf.ts';
import type { Resolver, ResolverContainer } from './resolver/resolver.ts';

/** Tells the resolver about containers whose places have names, that is on user-defined networks. */
export interface ContainerNames {
  /** The container has an interface now, in the namespace of this process. */
  joined(containerId: ContainerId, pid: number): Promise<void>;
  /** Its places or names changed. */
  changed(containerId: ContainerId): Promise<void>;
  /** It has ended; nobody waits for the resolver to know. */
  ended(containerId: ContainerId): void;
  /** After a restart of the engine: these run, and nothing else does. */
  restore(running: ReadonlyMap<ContainerId, number>): Promise<void>;
}

export interface ContainerNamesDeps {
  resolver: Resolver;
  networks: Pick<Networks, 'get'>;
  placesOf: (containerId: ContainerId) => readonly Endpoint[];
  gatewayOf: (containerId: ContainerId) => Endpoint | undefined;
  log: Log;
}

export function createContainerNames(deps: ContainerNamesDeps): ContainerNames {
  const { resolver, log } = deps;
  const pids = new Map<ContainerId, number>();
  /** Of which the resolver was told. */
  const told = new Set<ContainerId>();

  const update = async (containerId: ContainerId): Promise<void> => {
    const pid = pids.get(containerId);
    const container = pid === undefined ? undefined : await describe(deps, containerId, pid);
    if (container) {
      told.add(containerId);
      await resolver.put(container);
    } else if (told.delete(containerId)) await resolver.drop(containerId);
  };

  return {
    changed: update,
    async joined(containerId, pid) {
      pids.set(containerId, pid);
      await update(containerId);
    },
    ended(containerId) {
      pids.delete(containerId);
      if (!told.delete(containerId)) return;
      resolver
        .drop(containerId)
        .catch((error: unknown) => log.warn('the resolver was not told of an end', { error: String(error) }));
    },
    async restore(running) {
      const containers: ResolverContainer[] = [];
      for (const [containerId, pid] of running) {
        pids.set(containerId, pid);
        const container = await describe(deps, containerId, pid).catch(() => undefined);
        if (!container) continue;
        told.add(containerId);
        containers.push(container);
      }
      await resolver
        .restore(containers)
        .catch((error: unknown) =>
          log.error('names of running containers are not answered', { error: String(error) }),
        );
    },
  };
}

async function describe(
  { networks, placesOf, gatewayOf }: ContainerNamesDeps,
  containerId: ContainerId,
  pid: number,
): Promise<ResolverContainer | undefined> {
  const named = placesOf(containerId).filter(({ names }) => names.length > 0);
  if (named.length === 0) return undefined;
  const gateway = gatewayOf(containerId);
  const asked = named.flatMap(({ dns }) => dns);
  return {
    containerId,
    pid,
    namespace: statSync(`/proc/${pid}/ns/net`).ino,
    places: named.map((place) => ({
      networkId: place.networkId,
      networkName: place.networkName,
      names: place.names,
      links: place.links,
      ...plainAddresses(place),
      subnets: networks.get(place.networkId).ipam.map(({ subnet }) => subnet),
    })),
    ...(gateway
      ? {
          host: {
            ...(gateway.ipv4 ? { ipv4: gateway.ipv4.gateway } : {}),
            ...(gateway.ipv6 ? { ipv6: gateway.ipv6.gateway } : {}),
          },
          upstreams: asked.length > 0 ? [...new Set(asked)] : hostResolvers(await readHostResolvConf()),
        }
      : { upstreams: [] }),
  };
}
