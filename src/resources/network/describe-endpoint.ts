import { conflict, invalid } from '../../foundation/base/errors.ts';
import { randomHexId } from '../../foundation/base/ids.ts';
import {
  formatIpAddress,
  parseIpAddress,
  parseIpSubnet,
  subnetContains,
  type IpAddress,
} from '../../foundation/base/ip-address.ts';
import { macFromIpv4, type AddressPool } from './address-pool.ts';
import { checkInterfaceName } from './names.ts';
import type { Endpoint, NetworkInfo, ReserveEndpoint } from './network.ts';

/** The part of a reservation that does not need ports. */
export function describeEndpoint(
  network: NetworkInfo,
  request: ReserveEndpoint & { interfaceName: string },
  address: IpAddress,
): Endpoint {
  const [ipv4, ipv6] = network.ipam;
  if (!ipv4) throw invalid(`network ${network.name} gives no addresses to containers`);
  const subnet = parseIpSubnet(ipv4.subnet);
  return {
    endpointId: randomHexId(),
    containerId: request.containerId,
    networkId: network.id,
    networkName: network.name,
    macAddress: request.macAddress ? checkMac(request.macAddress) : macFromIpv4(address),
    ipv4: {
      address: formatIpAddress(address),
      prefixLength: subnet.prefixLength,
      gateway: ipv4.gateway,
    },
    ...(ipv6 ? { ipv6: ipv6Of(ipv6, address.value - subnet.base, request.ipv6Address) } : {}),
    interfaceName: request.interfaceName,
    gatewayPriority: request.gatewayPriority ?? 0,
    names: [...(request.names ?? [])],
    links: { ...request.links },
    dns: [...(request.dns ?? [])],
    ports: [],
  };
}

/** `eth0` and on: the lowest number that no other endpoint of the container has, unless a name was asked for. */
export function interfaceNameFor(request: ReserveEndpoint, others: readonly Endpoint[]): string {
  const taken = new Set(others.map(({ interfaceName }) => interfaceName));
  if (request.interfaceName !== undefined) {
    if (taken.has(request.interfaceName))
      throw conflict(`interface name ${request.interfaceName} is taken in the container`, {
        code: 'interface-taken',
      });
    return checkInterfaceName(request.interfaceName);
  }
  for (let number = 0; ; number++) if (!taken.has(`eth${number}`)) return `eth${number}`;
}

/** The host part is the same in both families, so one allocation serves both. */
function ipv6Of(
  block: { subnet: string; gateway: string },
  host: bigint,
  wanted: string | undefined,
): NonNullable<Endpoint['ipv6']> {
  const subnet = parseIpSubnet(block.subnet);
  if (wanted !== undefined) {
    const address = parseIpAddress(wanted);
    if (!subnetContains(subnet, address))
      throw invalid(`invalid address ${wanted}: it is not in the subnet ${block.subnet}`);
    return { address: formatIpAddress(address), prefixLength: subnet.prefixLength, gateway: block.gateway };
  }
  // The gateway is the first address of IPv6 blocks, but any of IPv4 ones: whoever got its number takes the number after all IPv4 ones.
  const gateway = parseIpAddress(block.gateway).value - subnet.base;
  const value = subnet.base + (host === gateway ? 1n << 32n : host);
  return {
    address: formatIpAddress({ family: 6, value }),
    prefixLength: subnet.prefixLength,
    gateway: block.gateway,
  };
}

export function takeAddress(network: NetworkInfo, pool: AddressPool, text: string): IpAddress {
  const address = parseIpAddress(text);
  const subnet = network.ipam[0]?.subnet ?? '';
  if (!subnetContains(parseIpSubnet(subnet), address))
    throw invalid(`invalid address ${text}: it is not in the subnet ${subnet} of network ${network.name}`);
  if (!pool.take(address)) throw conflict('Address already in use', { code: 'address-in-use' });
  return address;
}

/** Unicast only: a group address (lowest bit of the first octet) is refused by the kernel. */
function checkMac(text: string): string {
  const mac = text.toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac))
    throw invalid(`invalid MAC address: ${JSON.stringify(text.slice(0, 40))}`);
  return mac;
}
