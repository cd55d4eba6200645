import { conflict, forbidden, invalid, notFound, unsupported } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { parseNetworkId, randomHexId, type NetworkId } from '../../foundation/base/ids.ts';
import {
  formatIpAddress,
  formatIpSubnet,
  parseIpAddress,
  parseIpSubnet,
  type IpSubnet,
} from '../../foundation/base/ip-address.ts';
import { chooseSubnet, type SubnetPool } from './address-pool.ts';
import { checkDriverOptions, readBridgeOptions } from './driver-options.ts';

import { bridgeName, checkInterfaceName } from './names.ts';
import { checkParent } from './sublinks.ts';
import type { CreateNetwork, IpamBlock, NetworkInfo, Networks } from './network.ts';
import { resolveConfiguration } from './network-configuration.ts';
import type { NetworkRecord, NetworkRecords } from './records.ts';
import { defaultGateway, settleBlocks, uniqueLocalBlock } from './settle-blocks.ts';

export interface NetworksDeps {
  records: NetworkRecords;
  /** Blocks that are not ours but must not be overlapped. */
  hostSubnets: () => Promise<IpSubnet[]>;
  /** Pools of user-defined networks, and the number of the block to begin at. */
  pools: readonly SubnetPool[];
  firstBlock: number;
  ipv6Available: boolean;
  /** Names of the containers on it; a network in use is not removed. */
  members: (id: NetworkId) => string[];
  /** Takes bridge and rules away. Absent is fine. */
  takeDown: (network: NetworkInfo) => Promise<void>;
  now: () => number;
  /** Whether this host has an interface of the name. */
  hasInterface: (name: string) => boolean;
}

export interface PredefinedNetworks {
  bridge: string;
  /** Address of the bridge with prefix, `172.29.0.1/16`; chosen from `pools` when absent. */
  bip?: string;
  pools: readonly SubnetPool[];
  firstBlock: number;
}

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

  /** Blocks of networks that only hold a configuration are nobody's yet. */
  const ownSubnets = (): IpSubnet[] =>
    [...networks.values()]
      .filter(({ configOnly }) => !configOnly)
      .flatMap(({ ipam }) => ipam.map(({ subnet }) => parseIpSubnet(subnet)));

  return {
    list: () => [...networks.values()],
    get,
    async create(asked) {
      checkName(asked.name);
      const host = await deps.hostSubnets();
      // No `await` from here to the record: two requests cannot get the same name or subnet.
      if (byName(asked.name))
        throw conflict(`network with name ${asked.name} already exists`, { code: 'network-exists' });
      const request = resolveConfiguration(asked, byName);
      checkDriverOptions(request.driver, request.options ?? {}, { internal: request.internal === true });
      const mine = request.configOnly ? [] : ownSubnets();
      const settled = settleBlocks(request.ipam ?? [], {
        used: mine,
        several: request.driver !== 'bridge',
        driver: request.driver,
      });
      const automaticSubnet = wantsSubnet(request, settled);
      const blocks = automaticSubnet
        ? [automaticBlock(chooseSubnet(deps.pools, [...host, ...mine], deps.firstBlock)), ...settled]
        : settled;
      const info = describe(request, blocks, { ipv6: deps.ipv6Available, nowMs: deps.now() });
      checkFreeParent(request, [...networks.values()], deps.hasInterface);
      checkFreeBridge(info, [...networks.values()]);
      records.putNetwork({ info, automaticSubnet });
      networks.set(info.id, info);
      faultPoint('network.create.recorded');
      return info;
    },
    async remove(id) {
      const info = get(id);
      if (predefined.has(info.name))
        throw forbidden(`${info.name} is a pre-defined network and cannot be removed`);
      if (info.configOnly && [...networks.values()].some(({ configFrom }) => configFrom === info.name))
        throw forbidden(`error while removing network: configuration network "${info.name}" is in use`, {
          code: 'network-in-use',
          hint: 'remove the networks that were made from it first',
        });
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
    attachable: false,
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
  const taken = [...used, ...(await deps.hostSubnets())];
  const subnet = bip?.subnet ?? chooseSubnet(wanted.pools, taken, wanted.firstBlock);
  const info = describe(
    {
      name: 'bridge',
      driver: 'bridge',
      options: { 'com.docker.network.bridge.name': bridge },
    },
    [bip ? { subnet: formatIpSubnet(subnet), gateway: bip.gateway } : automaticBlock(subnet)],
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

function checkName(name: string): void {
  if (predefined.has(name) || name === 'default')
    throw forbidden(`operation is not permitted on predefined ${name} network`);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) || name.length > 255)
    throw invalid(
      `invalid network name ${JSON.stringify(name.slice(0, 80))}: only [a-zA-Z0-9][a-zA-Z0-9_.-]* are allowed`,
    );
}

function wantsSubnet(request: CreateNetwork, settled: readonly IpamBlock[]): boolean {
  if (request.configOnly || request.enableIpv4 === false) return false;
  return !settled.some(({ subnet }) => !subnet.includes(':'));
}

/** Two networks on one interface of the host would each think that its addresses are its own. */
function checkFreeParent(
  request: CreateNetwork,
  all: readonly NetworkInfo[],
  exists: (name: string) => boolean,
): void {
  const parent = request.options?.['parent'];
  if (request.driver === 'bridge' || !parent || request.configOnly) return;
  checkParent(parent, exists);
  const other = all.find(({ driver, options }) => driver === request.driver && options['parent'] === parent);
  if (other)
    throw forbidden(`network ${other.id} is already using parent interface ${parent}`, {
      code: 'parent-taken',
      hint: `make a network on another interface, or on a VLAN of it such as ${parent}.10`,
    });
}

/** Each would take the other's addresses off it. */
function checkFreeBridge({ id, bridge }: NetworkInfo, all: readonly NetworkInfo[]): void {
  const other = bridge === undefined ? undefined : all.find((network) => network.bridge === bridge);
  if (other)
    throw forbidden(
      `cannot create network ${id} (${bridge}): conflicts with network ${other.id} (${bridge}): networks have same bridge name`,
      { code: 'bridge-taken', hint: 'name another bridge, or none' },
    );
}

const predefined = new Set(['bridge', 'host', 'none']);

const automaticBlock = (subnet: IpSubnet): IpamBlock => ({
  subnet: formatIpSubnet(subnet),
  gateway: defaultGateway(subnet),
  automatic: true,
});

function describe(
  request: CreateNetwork,
  blocks: readonly IpamBlock[],
  host: { ipv6: boolean; nowMs: number },
): NetworkInfo {
  const id = newId();
  const options = request.options ?? {};
  const { configOnly, configFrom, ipamOptions, enableIpv4 = true } = request;
  const common = {
    id,
    name: request.name,
    scope: 'local',
    internal: request.internal ?? false,
    attachable: request.attachable ?? false,
    enableIpv4,
    options,
    labels: request.labels ?? {},
    ...(ipamOptions === undefined ? {} : { ipamOptions }),
    createdAtMs: host.nowMs,
  } as const;
  // It is no network yet: no driver looks at it.
  if (configOnly)
    return {
      ...common,
      driver: 'null',
      enableIpv6: request.enableIpv6 ?? false,
      ipam: [...blocks],
      configOnly,
    };
  const hasIpv6 = blocks.some(({ subnet }) => subnet.includes(':'));
  const ipv6 = host.ipv6 && (hasIpv6 || (request.enableIpv6 ?? request.driver === 'bridge'));
  if (!host.ipv6 && (hasIpv6 || !enableIpv4))
    throw unsupported('this host has no IPv6', { code: 'no-ipv6', hint: 'use an IPv4 subnet' });
  if (!enableIpv4 && !ipv6)
    throw invalid('IPv4 or IPv6 must be enabled', { code: 'no-family', hint: 'leave out --ipv6=false' });
  return {
    ...common,
    driver: request.driver,
    enableIpv6: ipv6,
    ipam: [...blocks, ...(ipv6 && !hasIpv6 ? [uniqueLocalBlock()] : [])],
    ...(configFrom === undefined ? {} : { configFrom }),
    ...(request.driver === 'bridge'
      ? { bridge: readBridgeOptions(options).bridgeName ?? bridgeName(id) }
      : {}),
  };
}

function newId(): NetworkId {
  return parseNetworkId(randomHexId());
}
