import { randomBytes } from 'node:crypto';
import { exhausted } from '../../foundation/base/errors.ts';
import {
  subnetSize,
  subnetsOverlap,
  type IpAddress,
  type IpSubnet,
} from '../../foundation/base/ip-address.ts';

/** Blocks of `prefixLength` bits are cut from `base`. */
export interface SubnetPool {
  base: IpSubnet;
  prefixLength: number;
}

/**
 * The first block of the pools that overlaps nothing in use; `exhausted` when there is none. `start` is the number of the block to begin at (modulo all of
 * them): engines that look at the same moment see none of each other's networks yet, and should not all begin at the first.
 */
export function chooseSubnet(pools: readonly SubnetPool[], used: readonly IpSubnet[], start = 0): IpSubnet {
  for (const range of rangesFrom(pools, start)) {
    const { family } = range;
    const step = subnetSize({ family, base: range.from, prefixLength: range.prefixLength });
    for (let at = range.from; at < range.to;) {
      const candidate: IpSubnet = { family, base: at, prefixLength: range.prefixLength };
      const hit = used.find((subnet) => subnetsOverlap(subnet, candidate));
      if (!hit) return candidate;
      // Jump behind a larger block in use instead of trying each small one within it.
      const end = hit.base + subnetSize(hit);
      at = end > at + step ? range.from + ((end - range.from + step - 1n) / step) * step : at + step;
    }
  }
  throw exhausted(
    'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
    {
      code: 'no-subnet',
      hint: 'remove unused networks, or give the network a subnet of your own with --subnet',
    },
  );
}

/** Addresses that blocks are cut from, in the order in which they are tried. */
interface Range {
  family: IpSubnet['family'];
  from: bigint;
  to: bigint;
  prefixLength: number;
}

function rangesFrom(pools: readonly SubnetPool[], start: number): Range[] {
  const ranges = pools.map(({ base, prefixLength }) => {
    const step = subnetSize({ ...base, prefixLength });
    return { family: base.family, from: base.base, to: base.base + subnetSize(base), prefixLength, step };
  });
  const count = ({ from, to, step }: (typeof ranges)[number]): bigint => (to - from) / step;
  const all = ranges.reduce((sum, range) => sum + count(range), 0n);
  if (all === 0n) return [];
  let skip = BigInt(start) % all;
  const place = ranges.findIndex((range) => {
    if (skip < count(range)) return true;
    skip -= count(range);
    return false;
  });
  const first = ranges[place];
  if (!first) return ranges;
  const middle = first.from + skip * first.step;
  return [
    { ...first, from: middle },
    ...ranges.slice(place + 1),
    ...ranges.slice(0, place),
    { ...first, to: middle },
  ];
}

/** Hands out host addresses of one block. In memory: the durable truth are the endpoint records. */
export interface AddressPool {
  /** The next free one after the last that was handed out, so that a released address rests as long as possible. Undefined when full. */
  allocate(): IpAddress | undefined;
  /** False when it is taken. */
  take(address: IpAddress): boolean;
  release(address: IpAddress): void;
}

/**
 * `reserved` (the gateway) is never handed out; `range` is where free ones are looked for, any other may be taken. Nobody gets the first address of a block, nor
 * the last of an IPv4 block (network and broadcast). Blocks beyond 2^24 addresses are used in their first 2^24.
 */
export function createAddressPool(
  subnet: IpSubnet,
  reserved: readonly IpAddress[],
  range: IpSubnet = subnet,
): AddressPool {
  const sizeOf = (block: IpSubnet): number =>
    subnetSize(block) > 1n << 24n ? 1 << 24 : Number(subnetSize(block));
  const size = sizeOf(subnet);
  const start = Number(range.base - subnet.base);
  const end = Math.min(start + sizeOf(range), subnet.family === 4 && size > 2 ? size - 1 : size);
  const first = Math.max(start, size > 2 ? 1 : 0);
  const last = end;
  const indexOf = (address: IpAddress): bigint => address.value - subnet.base;
  const isHost = (index: bigint): boolean =>
    size <= 2 || (index > 0n && (subnet.family === 6 || index < subnetSize(subnet) - 1n));
  const fixed = new Set(reserved.map(indexOf));
  const taken = new Set(fixed);
  let next = first;
  return {
    allocate() {
      for (let tried = first; tried < last; tried++) {
        if (next >= last) next = first;
        const index = BigInt(next++);
        if (taken.has(index)) continue;
        taken.add(index);
        return { family: subnet.family, value: subnet.base + index };
      }
      return undefined;
    },
    take(address) {
      const index = indexOf(address);
      if (taken.has(index) || !isHost(index)) return false;
      taken.add(index);
      return true;
    },
    release(address) {
      const index = indexOf(address);
      if (!fixed.has(index)) taken.delete(index);
    },
  };
}

/** As Docker did for years: locally administered, derived from the IPv4 address, so equal addresses mean equal ARP entries. */
export function macFromIpv4(address: IpAddress): string {
  const bytes = [24n, 16n, 8n, 0n].map((shift) =>
    Number((address.value >> shift) & 0xffn)
      .toString(16)
      .padStart(2, '0'),
  );
  return `02:42:${bytes.join(':')}`;
}

/** Where there is no IPv4 address: locally administered and unicast. */
export function randomMac(): string {
  return ['02', ...[...randomBytes(5)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}
