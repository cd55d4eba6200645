import { BlockList, isIP } from 'node:net';

/** `[::1]:5000` -> `::1` and 5000. The host is one that `parseReference` accepted. */
export function splitHostPort(host: string): { name: string; port: number | undefined } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(host);
  const name = (match?.[1] ?? host).replace(/^\[|\]$/g, '').toLowerCase();
  return { name, port: match?.[2] === undefined ? undefined : Number(match[2]) };
}

/** Loopback by its own name or address; other names that resolve to it do not count, as their owner could change them. */
export function isLoopbackHost(host: string): boolean {
  const { name } = splitHostPort(host);
  return name === 'localhost' || (isIP(name) !== 0 && matches(loopback, name));
}

/**
 * Whether plain HTTP and unverified certificates are accepted for this host: loopback, or listed as `name`, `name:port` or CIDR. A
 * CIDR covers addresses only: were names resolved for it, whoever answers DNS could switch encryption off.
 */
export function isInsecureHost(host: string, listed: readonly string[]): boolean {
  if (isLoopbackHost(host)) return true;
  const { name, port } = splitHostPort(host);
  return listed.some((entry) => {
    const slash = entry.lastIndexOf('/');
    if (slash >= 0)
      return isIP(name) !== 0 && inCidr(name, entry.slice(0, slash), Number(entry.slice(slash + 1)));
    const wanted = splitHostPort(entry);
    return wanted.name === name && (wanted.port === undefined || wanted.port === port);
  });
}

/**
 * Where a connection may go. `named`: a host that the user wrote, anywhere. `followed`: a host that a registry named (a redirect, a
 * token server): never loopback, link-local, or a cloud's metadata service, which answer to this machine only (SSRF).
 * `followed-locally`: the same for a registry on loopback itself, which may point to loopback.
 */
export type Reach = 'named' | 'followed' | 'followed-locally';

export function mayReach(address: string, reach: Reach): boolean {
  if (reach === 'named') return true;
  return !matches(forbidden, address) && (reach === 'followed-locally' || !matches(loopback, address));
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const forbidden = new BlockList();
forbidden.addSubnet('0.0.0.0', 8, 'ipv4');
forbidden.addSubnet('169.254.0.0', 16, 'ipv4');
forbidden.addSubnet('224.0.0.0', 3, 'ipv4');
// Metadata services of clouds that do not use the link-local address.
forbidden.addAddress('100.100.100.200', 'ipv4');
forbidden.addAddress('168.63.129.16', 'ipv4');
forbidden.addAddress('fd00:ec2::254', 'ipv6');
forbidden.addAddress('::', 'ipv6');
forbidden.addSubnet('fe80::', 10, 'ipv6');
forbidden.addSubnet('ff00::', 8, 'ipv6');

function matches(list: BlockList, address: string): boolean {
  const plain = embeddedIpv4(address) ?? address;
  return list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
}

/** The IPv4 address inside `::ffff:a.b.c.d` (also written in hexadecimal) or NAT64's `64:ff9b::`. */
function embeddedIpv4(address: string): string | undefined {
  const match = /^(?:::ffff:|::ffff:0:|64:ff9b::)(.+)$/i.exec(address);
  const tail = match?.[1];
  if (tail === undefined) return undefined;
  if (isIP(tail) === 4) return tail;
  const [high = '0', low = '0'] = tail.includes(':') ? tail.split(':') : ['0', tail];
  const value = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

function inCidr(address: string, network: string, prefix: number): boolean {
  const family = isIP(network);
  if (family === 0 || family !== isIP(address)) return false;
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(network, prefix, type);
  return list.check(address, type);
}
