import type { Log } from '../../foundation/base/log.ts';
import { type FlowFilter, forgetFlows, IPPROTO_UDP } from '../../foundation/kernel/netlink/conntrack.ts';
import type { PublishedPort } from './firewall-rules.ts';

const mostFilters = 16;

/**
 * Address translation is decided with the first packet of a flow, and a UDP flow lasts as long as somebody sends. A sender that began before a port
 * opened goes on reaching the host, one that outlives the container goes on reaching its address: such flows are forgotten, so that the next packet
 * is judged anew. TCP needs none of it: its connections end.
 */
export function createStaleFlows({ log }: { log: Log }): {
  /** The ports are open: what went elsewhere until now is led to them. */
  opened(ports: readonly PublishedPort[], hostAddresses: () => ReadonlySet<string>): void;
  /** The ports are closed: nothing reaches the container by them. */
  closed(ports: readonly PublishedPort[]): void;
} {
  const forget = (filters: readonly FlowFilter[], picks: Parameters<typeof forgetFlows>[2]): void => {
    try {
      const count = forgetFlows(IPPROTO_UDP, filters, picks);
      if (count > 0) log.debug('stale UDP flows were forgotten', { count });
    } catch (error) {
      log.warn('stale UDP flows were not forgotten', { error: String(error) });
    }
  };
  const byPort = (ports: readonly PublishedPort[]): Map<number, PublishedPort[]> =>
    Map.groupBy(
      ports.filter(({ protocol }) => protocol === 'udp'),
      ({ hostPort }) => hostPort,
    );
  return {
    opened(ports, hostAddresses) {
      const wanted = byPort(ports);
      if (wanted.size === 0) return;
      const local = hostAddresses();
      // For a long range one look at all of them is less.
      const few = wanted.size <= mostFilters;
      forget(
        few ? [...wanted.keys()].map((toPort) => ({ toPort })) : ['all'],
        ({ toPort, toAddress, answeredBy }) =>
          (wanted.get(toPort) ?? []).some(
            (port) =>
              answeredBy !== port.address &&
              local.has(toAddress) &&
              (port.hostAddress === toAddress || isEvery(port.hostAddress, toAddress)),
          ),
      );
    },
    closed(ports) {
      const gone = byPort(ports);
      if (gone.size === 0) return;
      const addresses = new Set([...gone.values()].flat().map(({ address }) => address));
      forget(
        [...addresses].map((answeredBy) => ({ answeredBy })),
        ({ toPort, answeredBy }) => (gone.get(toPort) ?? []).some(({ address }) => answeredBy === address),
      );
    },
  };
}

function isEvery(hostAddress: string, address: string): boolean {
  return hostAddress === (address.includes(':') ? '::' : '0.0.0.0');
}
