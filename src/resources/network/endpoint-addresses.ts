import { conflict, exhausted, invalid } from '../../foundation/base/errors.ts';
import { findIpAddress } from '../../foundation/base/ip-address.ts';
import type { NetworkId } from '../../foundation/base/ids.ts';
import type { Log } from '../../foundation/base/log.ts';
import { plainAddresses } from './describe-endpoint.ts';
import type { Links } from './links.ts';
import {
  createNetworkAddresses,
  type NetworkAddresses,
  type PlainAddresses,
  type TakenAddresses,
} from './network-addresses.ts';
import type { Endpoint, NetworkInfo, ReserveEndpoint } from './network.ts';

/** Addresses of endpoints, and what keeps them from being given out again: an interface that is still on its bridge. */
export interface EndpointAddresses {
  /** `exhausted` when none is left, even after leftover interfaces were deleted. */
  allocate(network: NetworkInfo, request: ReserveEndpoint): Promise<TakenAddresses>;
  /** What a recovered endpoint has. */
  retake(network: NetworkInfo, endpoint: Endpoint): void;
  give(endpoint: Endpoint): void;
  /** Gives them once the interface is gone: with its namespace at once as a rule, deleted after a while where that lives on. */
  giveLater(endpoints: readonly Endpoint[]): void;
  /** The network is gone. */
  forget(networkId: NetworkId): void;
  close(): void;
}

const same = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && findIpAddress(a)?.value === findIpAddress(b)?.value;

const has = ({ ipv4, ipv6 }: Endpoint, wanted: PlainAddresses): boolean =>
  same(ipv4?.address, wanted.ipv4) || same(ipv6?.address, wanted.ipv6);

/** After this time an interface whose namespace lives on (somebody else holds it) is deleted; most die with it at once. */
const lingerMs = 2_000;

export function createEndpointAddresses({
  links,
  log,
}: {
  links: Pick<Links, 'remove'>;
  log: Log;
}): EndpointAddresses {
  const known = new Map<NetworkId, NetworkAddresses>();
  const lingering = new Map<string, Endpoint>();
  let reaper: ReturnType<typeof setTimeout> | undefined;

  const of = (network: NetworkInfo): NetworkAddresses => {
    const found = known.get(network.id);
    if (found) return found;
    if (network.ipam.length === 0) throw invalid(`network ${network.name} gives no addresses to containers`);
    const opened = createNetworkAddresses(network, {
      inUse: () => conflict('Address already in use', { code: 'address-in-use' }),
    });
    known.set(network.id, opened);
    return opened;
  };
  const give = (endpoint: Endpoint): void => known.get(endpoint.networkId)?.release(plainAddresses(endpoint));
  const reap = async (which: (endpoint: Endpoint) => boolean = () => true): Promise<void> => {
    const ended = [...lingering.values()].filter(which);
    if (ended.length === 0) return;
    await links.remove(ended.map(({ endpointId }) => endpointId));
    for (const endpoint of ended) if (lingering.delete(endpoint.endpointId)) give(endpoint);
  };

  return {
    give,
    retake: (network, endpoint) => of(network).retake(plainAddresses(endpoint)),
    async allocate(network, { ipv4Address: ipv4, ipv6Address: ipv6 }) {
      const addresses = of(network);
      const wanted = { ...(ipv4 ? { ipv4 } : {}), ...(ipv6 ? { ipv6 } : {}) };
      // Whoever had the address until a moment ago may have it again: a restart asks for its own.
      if (ipv4 || ipv6) await reap((ended) => ended.networkId === network.id && has(ended, wanted));
      const taken = addresses.take(wanted);
      if (taken) return taken;
      await reap();
      const reaped = addresses.take(wanted);
      if (reaped) return reaped;
      throw exhausted(
        `no available IPv${network.enableIpv4 ? 4 : 6} addresses on this network's address pools: ${network.name} (${network.id})`,
        {
          code: 'no-address',
          hint: 'stop containers on this network, or make one with a larger --subnet',
        },
      );
    },
    giveLater(endpoints) {
      if (endpoints.length === 0) return;
      for (const endpoint of endpoints) lingering.set(endpoint.endpointId, endpoint);
      reaper ??= setTimeout(() => {
        reaper = undefined;
        reap().catch((error: unknown) =>
          log.warn('leftover interfaces were not removed', { error: String(error) }),
        );
      }, lingerMs).unref();
    },
    forget: (networkId) => void known.delete(networkId),
    close: () => clearTimeout(reaper),
  };
}
