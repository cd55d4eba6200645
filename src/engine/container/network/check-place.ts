import { isIP } from 'node:net';
import { forbidden, invalid } from '../../../foundation/base/errors.ts';
import { parseIpAddress, parseIpSubnet, subnetContains } from '../../../foundation/base/ip-address.ts';
import type { NetworkInfo } from '../../../resources/network/network.ts';
import type { EndpointRequest } from '../config.ts';
import { parseInterfaceSysctls } from './interface-sysctls.ts';

/**
 * Refuses what no place on the network can have, in Docker's words and all at once. `network` is undefined while nobody knows it: it may come until the
 * start. `prefix` stands before the words.
 */
export function checkPlace(
  name: string,
  network: NetworkInfo | undefined,
  request: EndpointRequest,
  prefix = '',
): void {
  const problems = problemsOf(name, network, request);
  const [first = ''] = problems;
  const text = problems.length > 1 ? problems.map((problem) => `* ${problem}`).join('\n') : first;
  if (problems.length > 0)
    throw invalid(`${prefix}invalid endpoint settings:\n${text}`, { code: 'bad-endpoint' });
  const { macAddress } = request;
  if (macAddress !== undefined && !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(macAddress))
    throw invalid(`${prefix}invalid MAC address ${macAddress.slice(0, 80)}`, { code: 'bad-mac-address' });
  parseInterfaceSysctls(request.driverOptions);
}

/** Of a container's request for a place at create. */
export function checkFirstPlace(
  name: string,
  network: NetworkInfo | undefined,
  request: EndpointRequest,
): void {
  checkPlace(name, network, request, `invalid config for network ${name}: `);
}

/** A network that only holds a configuration has no places. */
export function checkHasPlaces({ configOnly }: NetworkInfo): void {
  if (configOnly)
    throw forbidden('cannot create endpoint on configuration-only network', {
      code: 'config-only',
      hint: 'make a network from it with `network create --config-from`',
    });
}

const predefined = new Set(['bridge', 'default', 'host', 'none']);

function problemsOf(name: string, network: NetworkInfo | undefined, request: EndpointRequest): string[] {
  const { aliases, ipv4Address, ipv6Address, linkLocalAddresses } = request;
  const asksAddress = ipv4Address !== undefined || ipv6Address !== undefined;
  const isPredefined = predefined.has(name);
  return [
    ...(isPredefined && asksAddress
      ? ['user specified IP address is supported on user defined networks only']
      : []),
    ...(isPredefined && aliases.length > 0
      ? ['network-scoped alias is supported only for containers in user defined networks']
      : []),
    ...(ipv4Address !== undefined && isIP(ipv4Address) !== 4
      ? [`invalid IPv4 address: ${shown(ipv4Address)}`]
      : []),
    ...(ipv6Address !== undefined && isIP(ipv6Address) !== 6
      ? [`invalid IPv6 address: ${shown(ipv6Address)}`]
      : []),
    ...linkLocalAddresses
      .filter((address) => isIP(address) === 0)
      .map((address) => `invalid link-local IP address: ${shown(address)}`),
    ...(network ? [ipv4Address, ipv6Address].flatMap((word, index) => outside(network, word, index)) : []),
  ];
}

const shown = (text: string): string => text.slice(0, 80);

/** Nobody builds on an address of a block that the engine chose. */
function outside({ ipam }: NetworkInfo, word: string | undefined, index: number): string[] {
  if (word === undefined) return [];
  const isOfFamily = ({ subnet }: { subnet: string }): boolean => subnet.includes(':') === (index === 1);
  const blocks = ipam.filter((block) => isOfFamily(block) && !block.automatic);
  if (blocks.length === 0)
    return [
      'user specified IP address is supported only when connecting to networks with user configured subnets',
    ];
  const isInside =
    isIP(word) !== 0 &&
    blocks.some(({ subnet }) => subnetContains(parseIpSubnet(subnet), parseIpAddress(word)));
  return isInside ? [] : [`no configured subnet or ip-range contain the IP address ${shown(word)}`];
}
