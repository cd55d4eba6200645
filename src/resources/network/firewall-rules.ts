/*
 * The rule set as text for nft(8), generated from one description. Pure: the golden tests beside this file show it whole.
 * Chains never change while the engine runs; networks and ports are elements of sets and maps, so a change is a small transaction.
 */

export interface FirewallPlan {
  /** Name of our table, family inet. Nothing outside of it is ever written. */
  table: string;
  networks: readonly FilteredNetwork[];
  ports: readonly PublishedPort[];
  /** Whether connections to `[::1]` can be led into a bridge on this host; refused at once where not (README: loopback). */
  ipv6Loopback: boolean;
}

export interface FilteredNetwork {
  bridge: string;
  /** CIDR. */
  ipv4?: string;
  ipv6?: string;
  internal: boolean;
  /** What leaves takes the host's address. */
  masquerade: boolean;
  /** Its members reach each other, also by detours. */
  betweenContainers: boolean;
  /** What leaves takes this address instead. */
  sourceIpv4?: string;
  sourceIpv6?: string;
  /** Families in which whoever has a route reaches its members, published or not. */
  open?: readonly (4 | 6)[];
}

export interface PublishedPort {
  protocol: 'tcp' | 'udp' | 'sctp';
  /** `0.0.0.0` and `::` mean every address that the host has of the family. */
  hostAddress: string;
  hostPort: number;
  /** Of the container, in the family of `hostAddress`. */
  address: string;
  containerPort: number;
}

/** Contents of the sets and maps: set name -> key -> value, empty for sets. */
export type Elements = ReadonlyMap<string, ReadonlyMap<string, string>>;

const sets: Record<string, string> = {
  bridges: 'set bridges { type ifname; }',
  internal: 'set internal { type ifname; }',
  same: 'set same { type ifname . ifname; }',
  local4: 'set local4 { type ifname . ipv4_addr; flags interval; }',
  local6: 'set local6 { type ifname . ipv6_addr; flags interval; }',
  nat4: 'set nat4 { type ipv4_addr; flags interval; }',
  nat6: 'set nat6 { type ipv6_addr; flags interval; }',
  snat4: 'map snat4 { type ipv4_addr : ipv4_addr; flags interval; }',
  snat6: 'map snat6 { type ipv6_addr : ipv6_addr; flags interval; }',
  open4: 'set open4 { type ifname; }',
  open6: 'set open6 { type ifname; }',
  port4: 'map port4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }',
  port6: 'map port6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }',
  any4: 'map any4 { type inet_proto . inet_service : ipv4_addr . inet_service; }',
  any6: 'map any6 { type inet_proto . inet_service : ipv6_addr . inet_service; }',
  portspan4: 'map portspan4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr; flags interval; }',
  portspan6: 'map portspan6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr; flags interval; }',
  anyspan4: 'map anyspan4 { type inet_proto . inet_service : ipv4_addr; flags interval; }',
  anyspan6: 'map anyspan6 { type inet_proto . inet_service : ipv6_addr; flags interval; }',
  refused6: 'set refused6 { type ipv6_addr; }',
};

export function elementsOf(plan: FirewallPlan): Elements {
  const elements = new Map(Object.keys(sets).map((name) => [name, new Map<string, string>()]));
  const put = (set: string, key: string, value = ''): unknown => elements.get(set)?.set(key, value);
  const putSource = (family: 4 | 6, subnet: string, source: string | undefined): unknown =>
    source ? put(`snat${family}`, subnet, source) : put(`nat${family}`, subnet);
  for (const network of plan.networks) {
    const bridge = `"${network.bridge}"`;
    put('bridges', bridge);
    if (network.betweenContainers) put('same', `${bridge} . ${bridge}`);
    if (network.internal) put('internal', bridge);
    const translated = network.masquerade && !network.internal;
    if (network.ipv4) put('local4', `${bridge} . ${network.ipv4}`);
    if (network.ipv4 && translated) putSource(4, network.ipv4, network.sourceIpv4);
    if (network.ipv6) put('local6', `${bridge} . ${network.ipv6}`);
    if (network.ipv6 && translated) putSource(6, network.ipv6, network.sourceIpv6);
    for (const family of network.open ?? []) put(`open${family}`, bridge);
  }
  if (!plan.ipv6Loopback) put('refused6', '::1');
  for (const { first: port, last } of portSpans(plan.ports)) {
    const family = port.hostAddress.includes(':') ? '6' : '4';
    const every = port.hostAddress === '0.0.0.0' || port.hostAddress === '::';
    const isSpan = last > port.hostPort;
    const key = `${port.protocol} . ${port.hostPort}${isSpan ? `-${last}` : ''}`;
    put(
      `${every ? 'any' : 'port'}${isSpan ? 'span' : ''}${family}`,
      every ? key : `${port.hostAddress} . ${key}`,
      isSpan ? port.address : `${port.address} . ${port.containerPort}`,
    );
  }
  return elements;
}

/**
 * Neighbouring ports that keep their numbers become one interval: a translation of the address alone leaves the port as it is. nft cannot
 * shift a whole interval, so a range that changes its numbers stays one element a port.
 */
function portSpans(ports: readonly PublishedPort[]): { first: PublishedPort; last: number }[] {
  const spans: { first: PublishedPort; last: number }[] = [];
  const open = new Map<string, { first: PublishedPort; last: number }>();
  for (const port of ports.toSorted((a, b) => a.hostPort - b.hostPort)) {
    const place = `${port.protocol} ${port.hostAddress} ${port.address}`;
    const span = open.get(place);
    const keepsNumber = port.hostPort === port.containerPort;
    if (span && keepsNumber && span.last === port.hostPort - 1) {
      span.last = port.hostPort;
      continue;
    }
    const next = { first: port, last: port.hostPort };
    spans.push(next);
    if (keepsNumber) open.set(place, next);
    else open.delete(place);
  }
  return spans;
}

/** One transaction that makes the table exactly as planned, whether or not it exists and whatever it holds. */
export function renderTable(plan: FirewallPlan): string {
  const { table } = plan;
  const declarations = Object.values(sets).map((line) => `  ${line}`);
  return [
    `add table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    ...declarations,
    ...chains.map((line) => `  ${line}`),
    '}',
    ...addElements(table, elementsOf(plan)),
    '',
  ].join('\n');
}

/** What is to go and what is to come; sets in which nothing differs are left out. */
export interface ElementsChange {
  removed: Elements;
  added: Elements;
}

export function compareElements(from: Elements, to: Elements): ElementsChange {
  return { removed: differing(from, to), added: differing(to, from) };
}

function differing(these: Elements, others: Elements): Elements {
  return new Map(
    [...these]
      .map(([set, elements]) => {
        const other = others.get(set);
        return [set, new Map([...elements].filter(([key, value]) => other?.get(key) !== value))] as const;
      })
      .filter(([, elements]) => elements.size > 0),
  );
}

/** One transaction that makes the change; empty when there is none. */
export function renderChange(table: string, { removed, added }: ElementsChange): string {
  const removals = [...removed].map(
    ([set, elements]) => `delete element inet ${table} ${set} { ${[...elements.keys()].join(', ')} }`,
  );
  const lines = [...removals, ...addElements(table, added)];
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function addElements(table: string, elements: Elements): string[] {
  return [...elements]
    .filter(([, entries]) => entries.size > 0)
    .map(([set, entries]) => {
      const items = [...entries].map(([key, value]) => (value === '' ? key : `${key} : ${value}`));
      return `add element inet ${table} ${set} { ${items.join(', ')} }`;
    });
}

/** route_localnet lets a bridge carry 127/8 for published ports: containers must not use that to reach the host's loopback. */
const guardChain = [
  'chain guard {',
  '  type filter hook prerouting priority raw; policy accept;',
  '  iifname @bridges ip daddr 127.0.0.0/8 drop',
  '  iifname @bridges ip saddr 127.0.0.0/8 drop',
  '  iifname @bridges ip6 daddr ::1 drop',
  '  iifname @bridges ip6 saddr ::1 drop',
  '}',
];

/**
 * Loopback addresses are led on only when the connection begins on this host: a neighbour on the wire that addresses a frame with 127.0.0.1
 * to us must not reach a port that was published to loopback only.
 */
const natChains = [
  'chain prerouting {',
  '  type nat hook prerouting priority dstnat; policy accept;',
  '  iifname != "lo" ip daddr 127.0.0.0/8 return',
  '  iifname != "lo" ip6 daddr ::1 return',
  '  meta l4proto { tcp, udp, sctp } jump publish',
  '}',
  'chain output {',
  '  type nat hook output priority -100; policy accept;',
  '  meta l4proto { tcp, udp, sctp } jump publish',
  '}',
];

const publishChain = [
  'chain publish {',
  '  ip6 daddr @refused6 return',
  '  dnat ip to ip daddr . meta l4proto . th dport map @port4',
  '  dnat ip6 to ip6 daddr . meta l4proto . th dport map @port6',
  '  dnat ip to ip daddr . meta l4proto . th dport map @portspan4',
  '  dnat ip6 to ip6 daddr . meta l4proto . th dport map @portspan6',
  '  fib daddr type != local return',
  '  dnat ip to meta l4proto . th dport map @any4',
  '  dnat ip6 to meta l4proto . th dport map @any6',
  '  dnat ip to meta l4proto . th dport map @anyspan4',
  '  dnat ip6 to meta l4proto . th dport map @anyspan6',
  '}',
];

/**
 * Sources stay visible to the container except where the answer would not come back through the host: from loopback, and from a container
 * of the same bridge (hairpin). What leaves for the world takes the host's address.
 */
const postroutingChain = [
  'chain postrouting {',
  '  type nat hook postrouting priority srcnat; policy accept;',
  '  oifname @bridges ip saddr 127.0.0.0/8 masquerade',
  '  oifname @bridges ip6 saddr ::1 masquerade',
  '  oifname . ip saddr @local4 ct status dnat masquerade',
  '  oifname . ip6 saddr @local6 ct status dnat masquerade',
  '  oifname @bridges return',
  '  snat ip to ip saddr map @snat4',
  '  snat ip6 to ip6 saddr map @snat6',
  '  ip saddr @nat4 masquerade',
  '  ip6 saddr @nat6 masquerade',
  '}',
];

/** Into a bridge go answers, published ports and its own members; other networks and the host's neighbours do not. */
const forwardChain = [
  'chain forward {',
  '  type filter hook forward priority filter; policy accept;',
  '  iifname . oifname @same accept',
  '  iifname @internal drop',
  '  oifname @internal drop',
  '  oifname @bridges ct state established,related accept',
  '  oifname @bridges ct status dnat accept',
  '  iifname != @bridges oifname @open4 meta nfproto ipv4 accept',
  '  iifname != @bridges oifname @open6 meta nfproto ipv6 accept',
  '  oifname @bridges drop',
  '}',
];

const chains = [...guardChain, ...natChains, ...publishChain, ...postroutingChain, ...forwardChain];
