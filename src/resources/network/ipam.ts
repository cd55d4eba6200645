import { forbidden, invalid } from '../../foundation/base/errors.ts';
import { randomBytes } from 'node:crypto';
import {
  formatIpAddress,
  formatIpSubnet,
  parseIpAddress,
  parseIpSubnet,
  subnetContains,
  subnetOf,
  subnetSize,
  subnetsOverlap,
  type IpAddress,
  type IpSubnet,
} from '../../foundation/base/ip-address.ts';
import { createAddressPool, type AddressPool } from './address-pool.ts';
import type { IpamBlock, IpamRequest, NetworkInfo } from './network.ts';

/** The blocks of one family, in the order in which they were asked for. */
export function blocksOf({ ipam }: Pick<NetworkInfo, 'ipam'>, family: 4 | 6): IpamBlock[] {
  return ipam.filter(({ subnet }) => subnet.includes(':') === (family === 6));
}

/** What was asked for, checked and completed: a gateway where none was given. `used` are blocks that must not be met. */
export function settleBlocks(
  requests: readonly IpamRequest[],
  rules: { used: readonly IpSubnet[]; several: boolean; driver: string },
): IpamBlock[] {
  const blocks = requests.filter(({ subnet }) => subnet !== undefined).map(settleBlock);
  const subnets = blocks.map(({ subnet }) => parseIpSubnet(subnet));
  for (const [index, subnet] of subnets.entries()) {
    const others = [...rules.used, ...subnets.slice(0, index)];
    if (others.some((other) => subnetsOverlap(other, subnet)))
      throw forbidden('invalid pool request: Pool overlaps with other one on this address space', {
        code: 'subnet-overlap',
        hint: `another network uses a part of ${formatIpSubnet(subnet)}: choose another subnet, or none to get a free one`,
      });
    if (!rules.several && subnets.slice(0, index).some(({ family }) => family === subnet.family))
      throw forbidden(`${rules.driver} driver doesn't support multiple subnets`, { code: 'several-subnets' });
  }
  return blocks;
}

function settleBlock(request: IpamRequest): IpamBlock {
  const subnet = parseBlock('subnet', request.subnet ?? '');
  checkSize(subnet);
  const text = formatIpSubnet(subnet);
  const range = request.ipRange === undefined ? undefined : parseBlock('ip-range', request.ipRange);
  if (range && !(subnetContains(subnet, firstOf(range)) && range.prefixLength >= subnet.prefixLength))
    throw invalid(
      `invalid network config:\ninvalid ip-range ${request.ipRange ?? ''}: it is not in subnet ${text}`,
      {
        code: 'ip-range',
      },
    );
  const inside = (what: string, word: string): string => {
    const address = parseIpAddress(word);
    if (!subnetContains(subnet, address))
      throw invalid(`invalid network config:\ninvalid ${what} ${word}: it is not in subnet ${text}`, {
        code: 'address-outside',
      });
    return formatIpAddress(address);
  };
  const auxiliary = Object.entries(request.auxiliary ?? {}).map(
    ([name, word]) => [name, inside('auxiliary address', word)] as const,
  );
  return {
    subnet: text,
    gateway:
      request.gateway === undefined
        ? defaultGateway(subnet)
        : checkGateway(subnet, inside('gateway', request.gateway)),
    ...(range ? { ipRange: formatIpSubnet(range) } : {}),
    ...(auxiliary.length > 0 ? { auxiliary: Object.fromEntries(auxiliary) } : {}),
  };
}

/** A block is named by its first address, as Docker insists since version 25. */
function parseBlock(what: string, text: string): IpSubnet {
  const wrong = (why: string): Error =>
    invalid(`invalid network config:\ninvalid ${what} ${text.slice(0, 80)}: ${why}`, { code: 'subnet' });
  let block: IpSubnet;
  try {
    block = parseIpSubnet(text);
  } catch {
    throw wrong('invalid CIDR block notation');
  }
  if (parseIpAddress(text.slice(0, text.indexOf('/'))).value !== block.base)
    throw wrong(`it should be ${formatIpSubnet(block)}`);
  return block;
}

const firstOf = ({ family, base }: IpSubnet): IpAddress => ({ family, value: base });

function checkSize(subnet: IpSubnet): void {
  const [largest, smallest] = subnet.family === 4 ? [8, 30] : [8, 126];
  if (subnet.prefixLength < largest || subnet.prefixLength > smallest)
    throw invalid(
      `subnet ${formatIpSubnet(subnet)} is too ${subnet.prefixLength > smallest ? 'small' : 'large'}: want a prefix between /${largest} and /${smallest}`,
      { code: 'subnet-size' },
    );
}

export function defaultGateway(subnet: IpSubnet): string {
  return formatIpAddress({ family: subnet.family, value: subnet.base + 1n });
}

function checkGateway(subnet: IpSubnet, text: string): string {
  const { value } = parseIpAddress(text);
  const broadcast = subnet.family === 4 ? subnet.base + subnetSize(subnet) - 1n : -1n;
  if (value === subnet.base || value === broadcast)
    throw invalid(`gateway ${text} is not a host address of ${formatIpSubnet(subnet)}`, { code: 'gateway' });
  return text;
}

/** RFC 4193: `fd`, 40 random bits (and here 16 more for the subnet id), so that networks of joined sites do not meet. */
export function uniqueLocalBlock(): IpamBlock {
  const value = BigInt(`0xfd${randomBytes(7).toString('hex')}`) << 64n;
  const subnet = subnetOf({ family: 6, value }, 64);
  return { subnet: formatIpSubnet(subnet), gateway: defaultGateway(subnet) };
}

/** Addresses of one network, of both families. In memory: the durable truth are the endpoint records. */
export interface NetworkAddresses {
  /** The next free ones, or those that were asked for; undefined for a family when it has none left. */
  take(wanted: { ipv4?: string; ipv6?: string }): TakenAddresses | undefined;
  /** What a recovered endpoint has. */
  retake(addresses: { ipv4: string; ipv6?: string }): void;
  release(addresses: { ipv4: string; ipv6?: string }): void;
}

export interface TakenAddresses {
  ipv4: Located;
  ipv6?: Located;
}

/** An address with what its interface needs to know of the block. */
export interface Located {
  address: string;
  prefixLength: number;
  gateway: string;
}

interface Block {
  block: IpamBlock;
  subnet: IpSubnet;
  pool: AddressPool;
}

export function createNetworkAddresses(
  network: Pick<NetworkInfo, 'name' | 'ipam'>,
  errors: { inUse: () => Error },
): NetworkAddresses {
  const open = (block: IpamBlock): Block => {
    const subnet = parseIpSubnet(block.subnet);
    const reserved = [block.gateway, ...Object.values(block.auxiliary ?? {})].map(parseIpAddress);
    const range = block.ipRange === undefined ? subnet : parseIpSubnet(block.ipRange);
    return { block, subnet, pool: createAddressPool(subnet, reserved, range) };
  };
  const ipv4 = blocksOf(network, 4).map(open);
  const ipv6 = blocksOf(network, 6).map(open);
  const locate = ({ block, subnet }: Block, address: IpAddress): Located => ({
    address: formatIpAddress(address),
    prefixLength: subnet.prefixLength,
    gateway: block.gateway,
  });
  const holderOf = (blocks: readonly Block[], address: IpAddress): Block | undefined =>
    blocks.find(({ subnet }) => subnetContains(subnet, address));

  const takeWanted = (blocks: readonly Block[], text: string): Located => {
    const address = parseIpAddress(text);
    const block = holderOf(blocks, address);
    if (!block)
      throw invalid(
        `invalid address ${text}: it is not in the subnet ${blocks.map((one) => one.block.subnet).join(', ')} of network ${network.name}`,
        { code: 'address-outside' },
      );
    if (!block.pool.take(address)) throw errors.inUse();
    return locate(block, address);
  };
  const takeNext = (blocks: readonly Block[]): Located | undefined => {
    for (const block of blocks) {
      const address = block.pool.allocate();
      if (address) return locate(block, address);
    }
    return undefined;
  };
  /** The same host part in both families where that is free: people recognise it. */
  const takeBeside = (first: Located): Located | undefined => {
    const [block] = ipv6;
    const [beside] = ipv4;
    if (!block) return undefined;
    const host = parseIpAddress(first.address).value - (beside?.subnet.base ?? 0n);
    const value = block.subnet.base + host;
    const address: IpAddress = { family: 6, value };
    if (
      block.block.ipRange === undefined &&
      subnetContains(block.subnet, address) &&
      block.pool.take(address)
    )
      return locate(block, address);
    return takeNext(ipv6);
  };
  const giveBack = (located: { ipv4: string; ipv6?: string }): void => {
    for (const [blocks, text] of [
      [ipv4, located.ipv4],
      [ipv6, located.ipv6],
    ] as const) {
      if (text === undefined) continue;
      const address = parseIpAddress(text);
      holderOf(blocks, address)?.pool.release(address);
    }
  };

  return {
    take(wanted) {
      const first = wanted.ipv4 ? takeWanted(ipv4, wanted.ipv4) : takeNext(ipv4);
      if (!first) return undefined;
      try {
        const second = wanted.ipv6 ? takeWanted(ipv6, wanted.ipv6) : takeBeside(first);
        if (ipv6.length === 0 || second) return { ipv4: first, ...(second ? { ipv6: second } : {}) };
      } catch (error) {
        giveBack({ ipv4: first.address });
        throw error;
      }
      giveBack({ ipv4: first.address });
      return undefined;
    },
    retake(addresses) {
      for (const [blocks, text] of [
        [ipv4, addresses.ipv4],
        [ipv6, addresses.ipv6],
      ] as const) {
        if (text === undefined) continue;
        const address = parseIpAddress(text);
        holderOf(blocks, address)?.pool.take(address);
      }
    },
    release: giveBack,
  };
}
