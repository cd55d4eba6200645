import { randomBytes } from 'node:crypto';
import { conflict, forbidden, invalid, notFound, unsupported } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { parseNetworkId, randomHexId, type NetworkId } from '../../foundation/base/ids.ts';
import {
  formatIpAddress,
  formatIpSubnet,
  parseIpAddress,
  parseIpSubnet,
  subnetContains,
  subnetOf,
  subnetSize,
  subnetsOverlap,
  type IpSubnet,
} from '../../foundation/base/ip-address.ts';
import { chooseSubnet, type SubnetPool } from './address-pool.ts';
import { bridgeName, checkInterfaceName } from './names.ts';
import type { CreateNetwork, NetworkInfo, Networks } from './network.ts';
import type { NetworkRecord, NetworkRecords } from './records.ts';

export interface NetworksDeps {
  records: NetworkRecords;
  /** Blocks that are not ours but must not be overlapped. */
  hostSubnets: () => Promise<IpSubnet[]>;
  /** Pools of user-defined networks. */
  pools: readonly SubnetPool[];
  ipv6Available: boolean;
  /** Names of the containers on it; a network in use is not removed. */
  members: (id: NetworkId) => string[];
  /** Takes bridge and rules away. Absent is fine. */
  takeDown: (network: NetworkInfo) => Promise<void>;
  now: () => number;
}

export interface PredefinedNetworks {
  bridge: string;
  /** Address of the bridge with prefix, `172.29.0.1/16`; chosen from `pools` when absent. */
  bip?: string;
  pools: readonly SubnetPool[];
}

/** The bridge's name and the MTU are the driver options that mean something here; others are refused rather than ignored. */
const knownOptions = new Set(['com.docker.network.bridge.name']);

export function createNetworks(deps: NetworksDeps): Networks {
  const { records } = deps;
  const networks = new Map<string, NetworkInfo>(records.networks().map(({ info }) => [info.id, info]));

  const byName = (name: string): NetworkInfo | undefined =>
    [...networks.values()].find((info) => info.name === name);

  const get = (nameOrId: string): NetworkInfo => {
    const exact = networks.get(nameOrId) ?? byName(nameOrId);
    if (exact) return exact;
    const matches =
      nameOrId === '' ? [] : [...networks.values()].filter((info) => info.id.startsWith(nameOrId));
    const [only, ...others] = matches;
    if (others.length > 0)
      throw invalid(`network ${nameOrId} is ambiguous (${matches.length} matches found based on ID prefix)`, {
        hint: 'give more digits of the id, or the name',
      });
    if (!only) throw notFound(`network ${nameOrId} not found`, { code: 'no-such-network' });
    return only;
  };

  const usedSubnets = async (): Promise<IpSubnet[]> => [
    ...[...networks.values()].flatMap((info) => info.ipam.map(({ subnet }) => parseIpSubnet(subnet))),
    ...(await deps.hostSubnets()),
  ];

  return {
    list: () => [...networks.values()],
    get,
    async create(request) {
      checkRequest(request);
      const host = await usedSubnets();
      // No `await` from here to the record: two requests cannot get the same name or subnet.
      if (byName(request.name))
        throw conflict(`network with name ${request.name} already exists`, { code: 'network-exists' });
      const mine = [...networks.values()].flatMap((info) =>
        info.ipam.map(({ subnet }) => parseIpSubnet(subnet)),
      );
      const subnet = request.subnet
        ? checkOverlap(parseIpSubnet(request.subnet), mine)
        : chooseSubnet(deps.pools, [...host, ...mine]);
      const info = describe(request, subnet, { ipv6: deps.ipv6Available, nowMs: deps.now() });
      records.putNetwork({ info, automaticSubnet: !request.subnet });
      networks.set(info.id, info);
      faultPoint('network.create.recorded');
      return info;
    },
    async remove(id) {
      const info = get(id);
      if (info.driver !== 'bridge' || info.name === 'bridge')
        throw forbidden(`${info.name} is a pre-defined network and cannot be removed`);
      const members = deps.members(info.id);
      if (members.length > 0)
        throw forbidden(
          `error while removing network: network ${info.name} id ${info.id} has active endpoints (${members.map((name) => `name:"${name}"`).join(', ')})`,
          { code: 'network-in-use', hint: 'stop or disconnect these containers first' },
        );
      networks.delete(info.id);
      try {
        await deps.takeDown(info);
      } catch (error) {
        networks.set(info.id, info);
        throw error;
      }
      faultPoint('network.remove.down');
      records.deleteNetwork(info.id);
    },
  };
}

/** The networks that every Docker engine has: `bridge`, `host`, `none`. Made once, then as recorded. */
export async function ensurePredefined(
  deps: Pick<NetworksDeps, 'records' | 'hostSubnets' | 'ipv6Available' | 'now'>,
  wanted: PredefinedNetworks,
): Promise<void> {
  const { records } = deps;
  const existing = new Map(records.networks().map((record) => [record.info.name, record]));
  const base = {
    scope: 'local',
    internal: false,
    enableIpv4: true,
    enableIpv6: false,
    ipam: [],
    options: {},
    labels: {},
  } as const;
  for (const [name, driver] of [
    ['host', 'host'],
    ['none', 'null'],
  ] as const) {
    if (existing.has(name)) continue;
    const info: NetworkInfo = { ...base, ipam: [], id: newId(), name, driver, createdAtMs: deps.now() };
    records.putNetwork({ info, automaticSubnet: false });
  }
  const bridge = await defaultBridge(deps, wanted, existing.get('bridge'), [...existing.values()]);
  if (bridge) records.putNetwork(bridge);
}

/** The record to write, or undefined when the existing one stands. */
async function defaultBridge(
  deps: Pick<NetworksDeps, 'hostSubnets' | 'ipv6Available' | 'now'>,
  wanted: PredefinedNetworks,
  existing: NetworkRecord | undefined,
  all: readonly NetworkRecord[],
): Promise<NetworkRecord | undefined> {
  const bridge = checkInterfaceName(wanted.bridge);
  const [current] = existing?.info.ipam ?? [];
  const bip = wanted.bip === undefined ? undefined : parseBip(wanted.bip);
  const asWanted = bip
    ? current?.subnet === formatIpSubnet(bip.subnet) && current.gateway === bip.gateway
    : existing?.automaticSubnet;
  if (existing && asWanted && existing.info.bridge === bridge) return undefined;
  const others = all.filter(({ info }) => info.name !== 'bridge');
  const used = others.flatMap(({ info }) => info.ipam.map(({ subnet }) => parseIpSubnet(subnet)));
  const subnet = bip?.subnet ?? chooseSubnet(wanted.pools, [...used, ...(await deps.hostSubnets())]);
  const info = describe(
    {
      name: 'bridge',
      driver: 'bridge',
      ...(bip ? { gateway: bip.gateway } : {}),
      options: { 'com.docker.network.bridge.name': bridge },
    },
    subnet,
    { ipv6: deps.ipv6Available, nowMs: deps.now() },
  );
  return {
    info: existing ? { ...info, id: existing.info.id, createdAtMs: existing.info.createdAtMs } : info,
    automaticSubnet: !bip,
  };
}

function parseBip(text: string): { subnet: IpSubnet; gateway: string } {
  const subnet = parseIpSubnet(text);
  const gateway = parseIpAddress(text.slice(0, text.indexOf('/')));
  if (subnet.family !== 4 || gateway.value === subnet.base)
    throw invalid(
      `invalid bridge address ${JSON.stringify(text)}: want an IPv4 address of the bridge with prefix`,
      {
        hint: 'for example 172.29.0.1/16',
      },
    );
  return { subnet, gateway: formatIpAddress(gateway) };
}

function checkRequest(request: CreateNetwork): void {
  if (['bridge', 'host', 'none', 'default'].includes(request.name))
    throw forbidden(`operation is not permitted on predefined ${request.name} network`);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(request.name) || request.name.length > 255)
    throw invalid(
      `invalid network name ${JSON.stringify(request.name.slice(0, 80))}: only [a-zA-Z0-9][a-zA-Z0-9_.-]* are allowed`,
    );
  for (const option of Object.keys(request.options ?? {}))
    if (!knownOptions.has(option))
      throw unsupported(`network option ${JSON.stringify(option)} is not supported by the bridge driver`, {
        code: 'network-option',
      });
}

function checkOverlap(subnet: IpSubnet, used: readonly IpSubnet[]): IpSubnet {
  if (subnet.family !== 4)
    throw unsupported('a network needs an IPv4 subnet; its IPv6 subnet is chosen automatically', {
      code: 'ipv6-subnet',
    });
  if (subnet.prefixLength > 30 || subnet.prefixLength < 8)
    throw invalid(
      `subnet ${formatIpSubnet(subnet)} is too ${subnet.prefixLength > 30 ? 'small' : 'large'}: want a prefix between /8 and /30`,
    );
  if (used.some((other) => subnetsOverlap(other, subnet)))
    throw forbidden(`invalid pool request: Pool overlaps with other one on this address space`, {
      code: 'subnet-overlap',
      hint: `another network uses a part of ${formatIpSubnet(subnet)}: choose another subnet, or none to get a free one`,
    });
  return subnet;
}

function describe(
  request: CreateNetwork,
  subnet: IpSubnet,
  host: { ipv6: boolean; nowMs: number },
): NetworkInfo {
  const id = newId();
  const gateway = request.gateway
    ? parseIpAddress(request.gateway)
    : { family: subnet.family, value: subnet.base + 1n };
  const broadcast = subnet.base + subnetSize(subnet) - 1n;
  if (!subnetContains(subnet, gateway) || gateway.value === subnet.base || gateway.value === broadcast)
    throw invalid(`gateway ${formatIpAddress(gateway)} is not a host address of ${formatIpSubnet(subnet)}`);
  const ipam = [{ subnet: formatIpSubnet(subnet), gateway: formatIpAddress(gateway) }];
  const ipv6 = host.ipv6 && request.enableIpv6 !== false;
  if (ipv6) ipam.push(uniqueLocalSubnet());
  return {
    id,
    name: request.name,
    driver: 'bridge',
    scope: 'local',
    internal: request.internal ?? false,
    enableIpv4: true,
    enableIpv6: ipv6,
    ipam,
    options: request.options ?? {},
    labels: request.labels ?? {},
    bridge: checkInterfaceName(request.options?.['com.docker.network.bridge.name'] ?? bridgeName(id)),
    createdAtMs: host.nowMs,
  };
}

/** RFC 4193: `fd`, 40 random bits (and here 16 more for the subnet id), so that networks of joined sites do not meet. */
function uniqueLocalSubnet(): { subnet: string; gateway: string } {
  const value = BigInt(`0xfd${randomBytes(7).toString('hex')}`) << 64n;
  const subnet = subnetOf({ family: 6, value }, 64);
  return { subnet: formatIpSubnet(subnet), gateway: formatIpAddress({ family: 6, value: value + 1n }) };
}

function newId(): NetworkId {
  return parseNetworkId(randomHexId());
}
