import type { Log } from '../../foundation/base/log.ts';
import type { Firewall } from './firewall.ts';
import type { HostFirewall } from './host-firewall.ts';
import type { FilteredNetwork, FirewallPlan, PublishedPort } from './firewall-rules.ts';
import {
  allowLoopbackPublishing,
  bridgedTrafficIsFiltered,
  enableForwarding,
  prepareBridge,
} from './host-sysctls.ts';
import type { Links } from './links.ts';
import { bridgeOf, type NetworkInfo } from './network.ts';
import { readBridgeOptions } from './driver-options.ts';
import { blocksOf } from './settle-blocks.ts';

/** What a bridge network needs on the host: the bridge, settings of the kernel, its part of the rules. */
export interface Plumbing {
  /** Makes what is missing. Cheap when all is there. */
  bringUp(network: NetworkInfo): Promise<void>;
  /**
   * For the start of the engine: as `bringUp` for each of the networks, and publishes exactly these ports. Until the rules of all that is wanted are
   * exchanged, in one transaction, those of the engine before are in force: a port that was open does not close meanwhile.
   */
  restore(networks: readonly NetworkInfo[], ports: readonly PublishedPort[]): Promise<void>;
  /** Lets the host's loopback addresses reach ports of the network. Only once the rules that guard this stand. */
  allowLoopback(network: NetworkInfo): void;
  /** Absent is fine. */
  takeDown(network: NetworkInfo): Promise<void>;
}

export interface PlumbingDeps {
  links: Links;
  firewall: Firewall;
  hostFirewall: HostFirewall;
  log: Log;
  /** Called once per start, after the first network came up. */
  onFirstNetwork: () => void;
}

export function createPlumbing({
  links,
  firewall,
  hostFirewall,
  log,
  onFirstNetwork,
}: PlumbingDeps): Plumbing {
  const loopbackAllowed = new Set<string>();
  /** Bridges that this engine brought up; the rules say nothing of others. */
  const known = new Set<string>();
  let first = true;
  const prepare = (network: NetworkInfo): void => {
    const bridge = bridgeOf(network);
    const made = links.ensureBridge(network, () => prepareBridge(bridge));
    if (made) loopbackAllowed.delete(bridge);
    if (made || first) enableForwarding(log, { ipv6: network.enableIpv6 });
    known.add(bridge);
  };
  const reportFirst = (): void => {
    if (first) onFirstNetwork();
    first = false;
  };
  return {
    async bringUp(network) {
      if (network.driver !== 'bridge') return;
      prepare(network);
      await hostFirewall.protect([bridgeOf(network)]);
      await firewall.change((plan) => withNetwork(plan, network));
      reportFirst();
    },
    async restore(networks, ports) {
      for (const network of networks) prepare(network);
      await hostFirewall.protect(networks.map(bridgeOf));
      await firewall.rewrite((plan) => ({ ...networks.reduce(withNetwork, plan), ports }));
      if (networks.length > 0) reportFirst();
    },
    allowLoopback(network) {
      if (network.driver !== 'bridge') return;
      const bridge = bridgeOf(network);
      if (loopbackAllowed.has(bridge)) return;
      allowLoopbackPublishing(bridge);
      if (network.enableIpv6 && ipv6LoopbackWorks()) links.allowIpv6Loopback(bridge);
      loopbackAllowed.add(bridge);
    },
    async takeDown(network) {
      if (network.driver !== 'bridge') return links.removeParent(network);
      const bridge = bridgeOf(network);
      await links.removeBridge(bridge);
      loopbackAllowed.delete(bridge);
      if (!known.delete(bridge)) return;
      await firewall.change((plan) => ({
        ...plan,
        networks: plan.networks.filter((other) => other.bridge !== bridge),
      }));
    },
  };
}

/**
 * br_netfilter translates answers before the IPv6 stack sees them, which then refuses `::1` from a bridge (ip6_rcv_core): on such hosts
 * `[::1]` cannot be published.
 */
export function ipv6LoopbackWorks(): boolean {
  return !bridgedTrafficIsFiltered(6);
}

function withNetwork(plan: FirewallPlan, network: NetworkInfo): FirewallPlan {
  const bridge = bridgeOf(network);
  if (plan.networks.some((known) => known.bridge === bridge)) return plan;
  const [ipv4] = blocksOf(network, 4);
  const [ipv6] = blocksOf(network, 6);
  const { masquerade, betweenContainers, sourceAddress, isOpen } = readBridgeOptions(network.options);
  const filtered: FilteredNetwork = {
    bridge,
    masquerade,
    betweenContainers,
    ...(ipv4 ? { ipv4: ipv4.subnet } : {}),
    ...(ipv6 ? { ipv6: ipv6.subnet } : {}),
    internal: network.internal,
    ...(sourceAddress[4] ? { sourceIpv4: sourceAddress[4] } : {}),
    ...(sourceAddress[6] ? { sourceIpv6: sourceAddress[6] } : {}),
    open: ([4, 6] as const).filter((family) => isOpen[family]),
  };
  return { ...plan, networks: [...plan.networks, filtered] };
}
