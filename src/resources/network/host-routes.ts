import { readFile } from 'node:fs/promises';
import { findIpAddress, subnetOf, type IpSubnet } from '../../foundation/base/ip-address.ts';

/**
 * What a new network must not overlap: the destinations that the host has routes to and the resolvers it asks. Default routes are
 * left out, they lead everywhere.
 */
export async function hostSubnets(
  files: { route: string; resolvConf: string } = { route: '/proc/net/route', resolvConf: '/etc/resolv.conf' },
): Promise<IpSubnet[]> {
  const [routes, resolvers] = await Promise.all([
    readFile(files.route, 'utf8').catch(() => ''),
    readFile(files.resolvConf, 'utf8').catch(() => ''),
  ]);
  return [...parseRoutes(routes), ...parseResolvers(resolvers)];
}

/** `/proc/net/route`: numbers in hexadecimal of this machine's byte order (proc_net(5)); both architectures are little-endian. */
export function parseRoutes(text: string): IpSubnet[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const columns = line.split('\t');
      const [destination, mask] = [columns[1], columns[7]];
      if (!destination || !mask || mask === '00000000') return [];
      const prefixLength = BigInt(`0x${mask}`).toString(2).replaceAll('0', '').length;
      return [subnetOf({ family: 4, value: swapBytes(destination) }, prefixLength)];
    });
}

function parseResolvers(text: string): IpSubnet[] {
  return [...text.matchAll(/^nameserver\s+(\S+)/gm)].flatMap((match) => {
    const address = findIpAddress(match[1] ?? '');
    return address?.family === 4 ? [subnetOf(address, 32)] : [];
  });
}

function swapBytes(hex: string): bigint {
  return BigInt(`0x${Buffer.from(hex, 'hex').reverse().toString('hex')}`);
}
