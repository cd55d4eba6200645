import { isIP, isIPv4 } from 'node:net';
import { invalid } from './errors.ts';

/** An address as a number, so that IPv4 and IPv6 share one arithmetic. */
export interface IpAddress {
  family: 4 | 6;
  value: bigint;
}

/** A CIDR block; `base` has no bits set after the prefix. */
export interface IpSubnet {
  family: 4 | 6;
  base: bigint;
  prefixLength: number;
}

const bitsOf = { 4: 32, 6: 128 } as const;

/** Undefined when the text is not an address. Zone indices (`fe80::1%eth0`) are not part of an address here. */
export function findIpAddress(text: string): IpAddress | undefined {
  if (text.includes('%')) return undefined;
  const family = isIP(text);
  if (family === 4) return { family, value: ipv4Value(text) };
  if (family === 6) return { family, value: ipv6Value(text) };
  return undefined;
}

export function parseIpAddress(text: string): IpAddress {
  const address = findIpAddress(text);
  if (!address) throw invalid(`invalid IP address ${JSON.stringify(text.slice(0, 80))}`);
  return address;
}

/** Dotted decimal, or the canonical text of RFC 5952. */
export function formatIpAddress({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.join(':');
  return `${groups.slice(0, run.start).join(':')}::${groups.slice(run.start + run.length).join(':')}`;
}

/** Accepts an address inside the block (`10.0.0.5/8`); `base` is the block's first address. */
export function parseIpSubnet(text: string): IpSubnet {
  const match = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text);
  const address = findIpAddress(match?.[1] ?? '');
  const prefixLength = Number(match?.[2]);
  if (!address || prefixLength > bitsOf[address.family])
    throw invalid(`invalid CIDR address: ${text.slice(0, 80)}`, {
      hint: 'write it as ADDRESS/BITS, for example 172.30.0.0/24',
    });
  return subnetOf(address, prefixLength);
}

export function formatIpSubnet(subnet: IpSubnet): string {
  return `${formatIpAddress({ family: subnet.family, value: subnet.base })}/${subnet.prefixLength}`;
}

export function subnetOf(address: IpAddress, prefixLength: number): IpSubnet {
  const hostBits = BigInt(bitsOf[address.family] - prefixLength);
  return { family: address.family, base: (address.value >> hostBits) << hostBits, prefixLength };
}

/** Number of addresses in the block, the first and last included. */
export function subnetSize(subnet: IpSubnet): bigint {
  return 1n << BigInt(bitsOf[subnet.family] - subnet.prefixLength);
}

export function subnetContains(subnet: IpSubnet, address: IpAddress): boolean {
  return (
    subnet.family === address.family &&
    address.value >= subnet.base &&
    address.value < subnet.base + subnetSize(subnet)
  );
}

export function subnetsOverlap(a: IpSubnet, b: IpSubnet): boolean {
  return a.family === b.family && a.base < b.base + subnetSize(b) && b.base < a.base + subnetSize(a);
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

function ipv6Value(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0n);
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!isIPv4(group)) return [BigInt(`0x${group}`)];
    const value = ipv4Value(group);
    return [value >> 16n, value & 0xffffn];
  });
}

function longestZeroRun(groups: string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
