import { randomBytes } from 'node:crypto';
import { conflict, forbidden, invalid } from '../../foundation/base/errors.ts';
import {
  findIpAddress,
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
  const wanted = requests.filter(({ subnet }) => subnet !== undefined);
  const problems = wanted.flatMap(problemsOf);
  if (problems.length > 0)
    throw invalid(`invalid network config:\n${problems.length === 1 ? problems.join() : listed(problems)}`, {
      code: 'subnet',
    });
  const blocks = wanted.map(settleBlock);
  const subnets = blocks.map(({ subnet }) => parseIpSubnet(subnet));
  for (const [index, subnet] of subnets.entries()) {
    const others = [...rules.used, ...subnets.slice(0, index)];
    if (others.some((other) => subnetsOverlap(other, subnet)))
      throw forbidden('Pool overlaps with other one on this address space', {
        code: 'subnet-overlap',
        hint: `another network uses a part of ${formatIpSubnet(subnet)}: choose another subnet, or none to get a free one`,
      });
    if (!rules.several && subnets.slice(0, index).some(({ family }) => family === subnet.family))
      throw forbidden(`${rules.driver} driver doesn't support multiple subnets`, { code: 'several-subnets' });
  }
  return blocks;
}

const listed = (problems: readonly string[]): string => problems.map((problem) => `* ${problem}`).join('\n');

/** All that is wrong with a block, in Docker's words. */
function problemsOf({ subnet: text = '', ipRange, gateway, auxiliary = {} }: IpamRequest): string[] {
  const subnet = findSubnet(text);
  if (!subnet) return [`invalid subnet ${shown(text)}: invalid CIDR block notation`];
  const named = (what: string, name: string, problem: string | undefined): string[] =>
    problem === undefined ? [] : [`invalid ${what} ${shown(name)}: ${problem}`];
  return [
    ...named('subnet', text, misnamed(text, subnet)),
    ...(ipRange === undefined ? [] : named('ip-range', ipRange, problemOfRange(subnet, ipRange))),
    ...(gateway === undefined ? [] : named('gateway', gateway, problemOfAddress(subnet, gateway))),
    ...Object.entries(auxiliary).flatMap(([name, word]) =>
      named('auxiliary address', name, problemOfAddress(subnet, word)),
    ),
  ];
}

const shown = (text: string): string => text.slice(0, 80);

function findSubnet(text: string): IpSubnet | undefined {
  try {
    return parseIpSubnet(text);
  } catch {
    return undefined;
  }
}

/** A block is named by its first address, as Docker insists since version 25. */
function misnamed(text: string, block: IpSubnet): string | undefined {
  const { value } = parseIpAddress(text.slice(0, text.indexOf('/')));
  return value === block.base ? undefined : `it should be ${formatIpSubnet(block)}`;
}

function problemOfRange(subnet: IpSubnet, text: string): string | undefined {
  const range = findSubnet(text);
  if (!range) return 'invalid CIDR block notation';
  if (range.family !== subnet.family) return `parent subnet is an IPv${subnet.family} block`;
  if (range.prefixLength < subnet.prefixLength)
    return `CIDR block is bigger than its parent subnet ${formatIpSubnet(subnet)}`;
  if (!subnetContains(subnet, firstOf(range)))
    return `parent subnet ${formatIpSubnet(subnet)} doesn't contain ip-range`;
  return misnamed(text, range);
}

function problemOfAddress(subnet: IpSubnet, text: string): string | undefined {
  const address = findIpAddress(text);
  if (!address) return 'invalid address';
  if (address.family !== subnet.family) return `parent subnet is an IPv${subnet.family} block`;
  if (!subnetContains(subnet, address))
    return `parent subnet ${formatIpSubnet(subnet)} doesn't contain this address`;
  return undefined;
}

/** Of a request without problems. */
function settleBlock(request: IpamRequest): IpamBlock {
  const subnet = parseIpSubnet(request.subnet ?? '');
  checkSize(subnet);
  const { gateway } = request;
  const auxiliary = Object.entries(request.auxiliary ?? {}).map(
    ([name, word]) => [name, plain(word)] as const,
  );
  return {
    subnet: formatIpSubnet(subnet),
    ...(gateway === undefined
      ? { gateway: defaultGateway(subnet), automaticGateway: true }
      : { gateway: checkGateway(subnet, plain(gateway)) }),
    ...(request.ipRange === undefined ? {} : { ipRange: formatIpSubnet(parseIpSubnet(request.ipRange)) }),
    ...(auxiliary.length > 0 ? { auxiliary: Object.fromEntries(auxiliary) } : {}),
  };
}

const plain = (word: string): string => formatIpAddress(parseIpAddress(word));

/** A block back in the form of a request. */
export function toRequest({ subnet, gateway, ipRange, auxiliary, automaticGateway }: IpamBlock): IpamRequest {
  return {
    subnet,
    ...(automaticGateway ? {} : { gateway }),
    ...(ipRange === undefined ? {} : { ipRange }),
    ...(auxiliary === undefined ? {} : { auxiliary }),
  };
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
    throw conflict(`failed to allocate gateway (${text}): Address already in use`, { code: 'gateway' });
  return text;
}

/** RFC 4193: `fd`, 40 random bits (and here 16 more for the subnet id), so that networks of joined sites do not meet. */
export function uniqueLocalBlock(): IpamBlock {
  const value = BigInt(`0xfd${randomBytes(7).toString('hex')}`) << 64n;
  const subnet = subnetOf({ family: 6, value }, 64);
  return { subnet: formatIpSubnet(subnet), gateway: defaultGateway(subnet), automatic: true };
}
