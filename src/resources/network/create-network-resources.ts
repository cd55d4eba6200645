import { createHash } from 'node:crypto';
import type { Log } from '../../foundation/base/log.ts';
import type { Database } from '../../foundation/db/database.ts';
import { toPool, type PoolSetting } from './pool-setting.ts';
import { watchBridges } from './bridge-watch.ts';
import { diagnoseForwarding, type ForwardingFinding } from './diagnose.ts';
import { createEndpoints } from './endpoints.ts';
import { findInterfaceIndex } from '../../foundation/kernel/netlink/interface-index.ts';
import type { Reactor } from '../../foundation/kernel/reactor.ts';
import { createFirewall } from './firewall.ts';
import { watchFirewall } from './firewall-watch.ts';
import { createHostFirewall, type PublishedPortsPolicy } from './host-firewall.ts';
import { createHostPorts } from './host-ports.ts';
import { hostSubnets } from './host-routes.ts';
import { hostHasIpv6 } from './host-sysctls.ts';
import { createLinks } from './links.ts';
import { kernelNames } from './names.ts';
import type { Endpoints, Networks } from './network.ts';
import { createNetworks, ensurePredefined } from './networks.ts';
import { printRuleset, runNft } from './nft.ts';
import { createPlumbing, ipv6LoopbackWorks } from './plumbing.ts';
import { openNetworkRecords } from './records.ts';
import type { Resolver } from './resolver/resolver.ts';

export interface NetworkResourcesDeps {
  /** Networks; durable. */
  database: Database;
  /** Endpoints, which a reboot voids: a `relaxed` one saves 4 ms a commit. The same as `database` when absent. */
  volatileDatabase?: Database;
  log: Log;
  now?: () => number;
  /** Hears of changes that others make to the firewall; without one only `repair` mends them. */
  reactor?: Reactor;
  /** Answers names on user-defined networks; without one they are not answered. */
  resolver?: Resolver;
}

export interface NetworkOptions {
  /**
   * Names our nftables table and marks our interfaces: two daemons on one host need different ones. Lower-case letters, digits and `-`.
   * Default `silo`.
   */
  instance?: string;
  /** Name of the default network's bridge. Default: the instance's name and `0`, cut to what the kernel allows. */
  bridge?: string;
  /** Address with prefix of the default bridge. Default: a /16 that the host has no route to. */
  bip?: string;
  /** Default `host-firewall`. */
  publishedPorts?: PublishedPortsPolicy;
  /** From which networks get their subnets instead of ours. */
  pools?: readonly PoolSetting[];
}

export interface NetworkResources extends AsyncDisposable {
  readonly networks: Networks;
  readonly endpoints: Endpoints;
  /** Bridges, rules and the host's part in them are made whole again. */
  repair(): Promise<void>;
  /** What on this host stops our traffic, for `silo doctor`. */
  diagnose(): Promise<ForwardingFinding[]>;
  /** Removes every interface and rule of this instance from the kernel; running containers lose their network. For tests and removal of Silo. */
  uninstall(): Promise<void>;
}

const defaultInstance = 'silo';

/** Familiar ranges first; then enough for many engines on one host. */
const bridgePools = [
  { base: '172.29.0.0/16', size: 16 },
  { base: '172.30.0.0/16', size: 16 },
  { base: '172.28.0.0/16', size: 16 },
  { base: '10.88.0.0/15', size: 16 },
  { base: '10.208.0.0/12', size: 16 },
  { base: '192.168.192.0/18', size: 20 },
  { base: '10.224.0.0/11', size: 20 },
];
const userPools = [
  { base: '10.201.0.0/16', size: 24 },
  { base: '10.202.0.0/16', size: 24 },
  { base: '172.31.0.0/16', size: 24 },
  { base: '192.168.128.0/18', size: 24 },
];

/** The engine of the machine begins with the familiar ranges, others beside it at places of their own. */
const firstBlockOf = (instance: string): number =>
  instance === defaultInstance ? 0 : createHash('sha256').update(instance).digest().readUInt32BE(0);

const noResolver: Resolver = {
  restore: () => Promise.resolve(),
  put: () => Promise.resolve(),
  drop: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Opens networks and endpoints. Touches nothing in the kernel until the first endpoint is attached or recovered. */
export async function createNetworkResources(
  deps: NetworkResourcesDeps,
  options: NetworkOptions = {},
): Promise<NetworkResources> {
  const { database, log, now = Date.now } = deps;
  const names = kernelNames(options.instance ?? defaultInstance);
  const records = openNetworkRecords(database, deps.volatileDatabase ?? database);
  const ipv6Available = hostHasIpv6();
  const shared = { records, hostSubnets: () => hostSubnets(), ipv6Available, now };
  await ensurePredefined(shared, {
    bridge: options.bridge ?? `${names.instance.slice(0, 14)}0`,
    ...(options.bip === undefined ? {} : { bip: options.bip }),
    pools: (options.pools ?? bridgePools).map(toPool),
    firstBlock: options.pools ? 0 : firstBlockOf(names.instance),
  });

  const links = createLinks({ names });
  const firewall = createFirewall(
    { table: names.table, networks: [], ports: [], ipv6Loopback: ipv6LoopbackWorks() },
    {
      runNft: (script) => watch.write(script),
      changeElements: (table, changes) => watch.changeElements(table, changes),
      log,
    },
  );
  const hostFirewall = createHostFirewall({
    table: names.table,
    policy: options.publishedPorts ?? 'host-firewall',
    listRuleset: printRuleset,
    runNft: (script) => watch.write(script),
    log,
  });
  const watch = watchFirewall({
    table: names.table,
    reactor: deps.reactor,
    runNft,
    onDamage: () => firewall.repair(),
    concerns: (table) => hostFirewall.concerns(table),
    onForeignChange: () => hostFirewall.refresh(),
    log,
  });
  const diagnose = (): Promise<ForwardingFinding[]> =>
    diagnoseForwarding({
      table: names.table,
      bridges: networks.list().flatMap(({ bridge }) => (bridge === undefined ? [] : [bridge])),
    });
  const plumbing = createPlumbing({
    links,
    firewall,
    hostFirewall,
    log,
    onFirstNetwork: () => void reportOnce(diagnose, log),
  });
  const networks: Networks = createNetworks({
    ...shared,
    pools: (options.pools ?? userPools).map(toPool),
    firstBlock: options.pools ? 0 : firstBlockOf(names.instance),
    hasInterface: (name) => findInterfaceIndex(name) !== undefined,
    members: (id) => endpoints.members(id),
    async takeDown(network) {
      await plumbing.takeDown(network);
      endpoints.forget(network.id);
    },
  });
  const endpoints = createEndpoints({
    records,
    networks,
    plumbing,
    firewall,
    hostPorts: createHostPorts({ log }),
    links,
    resolver: deps.resolver ?? noResolver,
    log,
  });
  const repair = async (): Promise<void> => {
    await endpoints.repair();
    await hostFirewall.refresh();
  };
  const bridges = watchBridges({
    reactor: deps.reactor,
    isOurs: (name) => networks.list().some(({ bridge }) => bridge === name),
    missing: () =>
      networks
        .list()
        .filter(({ id }) => endpoints.members(id).length > 0)
        .flatMap(({ bridge }) =>
          bridge !== undefined && findInterfaceIndex(bridge) === undefined ? [bridge] : [],
        ),
    repair: () => endpoints.repair(),
    log,
  });
  const uninstall = async (): Promise<void> => {
    bridges[Symbol.dispose]();
    watch[Symbol.dispose]();
    await hostFirewall.remove();
    await links.removeStrangers(new Set());
    for (const { bridge } of networks.list()) if (bridge !== undefined) await links.removeBridge(bridge);
    await watch.write(`add table inet ${names.table}\ndelete table inet ${names.table}\n`);
  };
  const close = async (): Promise<void> => {
    bridges[Symbol.dispose]();
    watch[Symbol.dispose]();
    await endpoints.close();
  };
  return { networks, endpoints, diagnose, repair, uninstall, [Symbol.asyncDispose]: close };
}

async function reportOnce(diagnose: () => Promise<ForwardingFinding[]>, log: Log): Promise<void> {
  for (const { code, message, hint } of await diagnose()) log.warn(message, { code, hint });
}
