import { invalid } from '../../foundation/base/errors.ts';
import {
  formatIpAddress,
  parseIpAddress,
  parseIpSubnet,
  subnetContains,
  type IpAddress,
  type IpSubnet,
} from '../../foundation/base/ip-address.ts';
import { createAddressPool, type AddressPool } from './address-pool.ts';
import type { IpamBlock, Located, NetworkInfo } from './network.ts';
import { blocksOf } from './settle-blocks.ts';

/** Addresses of one network, of the families that it has. In memory: the durable truth are the endpoint records. */
export interface NetworkAddresses {
  /** The next free ones, or those that were asked for; undefined when one of its families has none left. */
  take(wanted: PlainAddresses): TakenAddresses | undefined;
  /** What a recovered endpoint has. */
  retake(addresses: PlainAddresses): void;
  release(addresses: PlainAddresses): void;
}

export interface PlainAddresses {
  ipv4?: string;
  ipv6?: string;
}

export interface TakenAddresses {
  ipv4?: Located;
  ipv6?: Located;
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
  const takeBeside = (first: Located | undefined): Located | undefined => {
    const [block] = ipv6;
    const [beside] = ipv4;
    if (!block) return undefined;
    if (!first || !beside) return takeNext(ipv6);
    const host = parseIpAddress(first.address).value - beside.subnet.base;
    const address: IpAddress = { family: 6, value: block.subnet.base + host };
    const fits = block.block.ipRange === undefined && subnetContains(block.subnet, address);
    return fits && block.pool.take(address) ? locate(block, address) : takeNext(ipv6);
  };
  const inPools = (
    addresses: PlainAddresses,
    act: (pool: AddressPool, address: IpAddress) => unknown,
  ): void => {
    for (const text of [addresses.ipv4, addresses.ipv6]) {
      if (text === undefined) continue;
      const address = parseIpAddress(text);
      const block = holderOf(address.family === 4 ? ipv4 : ipv6, address);
      if (block) act(block.pool, address);
    }
  };
  const giveBack = (addresses: PlainAddresses): void =>
    inPools(addresses, (pool, address) => pool.release(address));

  return {
    take(wanted) {
      const first = wanted.ipv4 ? takeWanted(ipv4, wanted.ipv4) : takeNext(ipv4);
      if (!first && ipv4.length > 0) return undefined;
      const undo = (): void => giveBack(first ? { ipv4: first.address } : {});
      try {
        const second = wanted.ipv6 ? takeWanted(ipv6, wanted.ipv6) : takeBeside(first);
        if (ipv6.length === 0 || second)
          return { ...(first ? { ipv4: first } : {}), ...(second ? { ipv6: second } : {}) };
      } catch (error) {
        undo();
        throw error;
      }
      undo();
      return undefined;
    },
    retake: (addresses) => inPools(addresses, (pool, address) => pool.take(address)),
    release: giveBack,
  };
}
