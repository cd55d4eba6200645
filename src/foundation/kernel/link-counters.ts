import { readFileSync, readlinkSync } from 'node:fs';

export interface LinkCounters {
  receivedBytes: number;
  receivedPackets: number;
  receivedErrors: number;
  receivedDropped: number;
  sentBytes: number;
  sentPackets: number;
  sentErrors: number;
  sentDropped: number;
}

/** A program with CAP_NET_ADMIN may make any number of interfaces; nobody looks at more than these. */
const maximumLinks = 64;

/** The loopback, and what tunnel modules put into every namespace (`net.core.fb_tunnels_only_for_init_net`). */
const ignored = /^(lo|tunl0|sit0|gre0|gretap0|erspan0|ip6tnl0|ip6gre0|ip_vti0|ip6_vti0):/;

/**
 * Counters of the interfaces in the network namespace of a process, by their names there (`/proc/PID/net/dev`, proc_pid_net(5)). One read of one
 * file: no thread changes its namespace. Empty when the process is in our own namespace or gone.
 */
export function readLinkCounters(pid: number): Record<string, LinkCounters> {
  try {
    if (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net')) return {};
    return parseLinkCounters(readFileSync(`/proc/${pid}/net/dev`, 'latin1'));
  } catch {
    return {};
  }
}

/** Two lines of titles, then `name: ` with eight received and eight sent numbers. */
export function parseLinkCounters(text: string): Record<string, LinkCounters> {
  const lines = text
    .split('\n')
    .slice(2)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !ignored.test(line));
  const links = lines.slice(0, maximumLinks).map((line): [string, LinkCounters] => {
    const colon = line.indexOf(':');
    const numbers = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const at = (index: number): number => numbers[index] ?? 0;
    const counters = {
      receivedBytes: at(0),
      receivedPackets: at(1),
      receivedErrors: at(2),
      receivedDropped: at(3),
      sentBytes: at(8),
      sentPackets: at(9),
      sentErrors: at(10),
      sentDropped: at(11),
    };
    return [line.slice(0, colon), counters];
  });
  return Object.fromEntries(links);
}
