import { conflict, invalid } from '../../foundation/base/errors.ts';
import { randomHexId } from '../../foundation/base/ids.ts';
import { parseIpAddress } from '../../foundation/base/ip-address.ts';
import { macFromIpv4, randomMac } from './address-pool.ts';
import { interfacePrefixOption, readBridgeOptions } from './driver-options.ts';
import type { PlainAddresses, TakenAddresses } from './network-addresses.ts';
import { checkInterfaceName } from './names.ts';
import type { Endpoint, NetworkInfo, PortRequest, ReserveEndpoint } from './network.ts';
import { hasGateway } from './sublinks.ts';

/** The part of a reservation that does not need ports. */
export function describeEndpoint(
  network: NetworkInfo,
  request: ReserveEndpoint & { interfaceName: string },
  addresses: TakenAddresses,
): Endpoint {
  return {
    endpointId: randomHexId(),
    containerId: request.containerId,
    networkId: network.id,
    networkName: network.name,
    macAddress: request.macAddress ? checkMac(request.macAddress) : macFor(addresses),
    ...(hasGateway(network) ? addresses : withoutGateways(addresses)),
    interfaceName: request.interfaceName,
    gatewayPriority: request.gatewayPriority ?? 0,
    names: [...(request.names ?? [])],
    links: { ...request.links },
    dns: [...(request.dns ?? [])],
    sysctls: [...(request.sysctls ?? [])],
    ports: [],
  };
}

function macFor({ ipv4 }: TakenAddresses): string {
  return ipv4 ? macFromIpv4(parseIpAddress(ipv4.address)) : randomMac();
}

function withoutGateways({ ipv4, ipv6 }: TakenAddresses): TakenAddresses {
  return {
    ...(ipv4 ? { ipv4: { ...ipv4, gateway: '' } } : {}),
    ...(ipv6 ? { ipv6: { ...ipv6, gateway: '' } } : {}),
  };
}

/** As the address pools take them. */
export function plainAddresses({ ipv4, ipv6 }: Pick<Endpoint, 'ipv4' | 'ipv6'>): PlainAddresses {
  return { ...(ipv4 ? { ipv4: ipv4.address } : {}), ...(ipv6 ? { ipv6: ipv6.address } : {}) };
}

/** The network may say where ports are published that name no address. */
export function withHostAddress(network: NetworkInfo, ports: readonly PortRequest[]): readonly PortRequest[] {
  const { hostAddress } = readBridgeOptions(network.options);
  return hostAddress === ''
    ? ports
    : ports.map((port) => (port.hostAddress === '' ? { ...port, hostAddress } : port));
}

/** `eth0` and on: the lowest number that no other endpoint of the container has, unless a name was asked for. */
export function interfaceNameFor(
  network: NetworkInfo,
  request: ReserveEndpoint,
  others: readonly Endpoint[],
): string {
  const taken = new Set(others.map(({ interfaceName }) => interfaceName));
  if (request.interfaceName !== undefined) {
    if (taken.has(request.interfaceName))
      throw conflict(`interface name ${request.interfaceName} is taken in the container`, {
        code: 'interface-taken',
      });
    return checkInterfaceName(request.interfaceName);
  }
  const prefix = network.options[interfacePrefixOption] || 'eth';
  for (let number = 0; ; number++) if (!taken.has(`${prefix}${number}`)) return `${prefix}${number}`;
}

/** Unicast only: a group address (lowest bit of the first octet) is refused by the kernel. */
function checkMac(text: string): string {
  const mac = text.toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac))
    throw invalid(`invalid MAC address: ${JSON.stringify(text.slice(0, 40))}`);
  return mac;
}
