import { expect, test } from 'bun:test';
import {
  compareElements,
  elementsOf,
  renderChange,
  renderTable,
  type FirewallPlan,
} from './firewall-rules.ts';

const plan: FirewallPlan = {
  table: 'silo',
  ipv6Loopback: false,
  networks: [
    {
      bridge: 'silo0',
      ipv4: '172.29.0.0/16',
      ipv6: 'fd00:1::/64',
      internal: false,
      masquerade: true,
      betweenContainers: true,
    },
    {
      bridge: 'br-0123456789ab',
      ipv4: '10.201.0.0/24',
      internal: true,
      masquerade: true,
      betweenContainers: true,
    },
  ],
  ports: [
    { protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080, address: '172.29.0.2', containerPort: 80 },
    { protocol: 'tcp', hostAddress: '::', hostPort: 8080, address: 'fd00:1::2', containerPort: 80 },
    { protocol: 'udp', hostAddress: '127.0.0.1', hostPort: 53, address: '172.29.0.3', containerPort: 5353 },
    { protocol: 'tcp', hostAddress: '2001:db8::1', hostPort: 443, address: 'fd00:1::3', containerPort: 443 },
  ],
};

test('the whole table is written in one transaction that replaces what was there', () => {
  expect(renderTable(plan)).toBe(`add table inet silo
delete table inet silo
table inet silo {
  set bridges { type ifname; }
  set internal { type ifname; }
  set same { type ifname . ifname; }
  set local4 { type ifname . ipv4_addr; flags interval; }
  set local6 { type ifname . ipv6_addr; flags interval; }
  set nat4 { type ipv4_addr; flags interval; }
  set nat6 { type ipv6_addr; flags interval; }
  map snat4 { type ipv4_addr : ipv4_addr; flags interval; }
  map snat6 { type ipv6_addr : ipv6_addr; flags interval; }
  set open4 { type ifname; }
  set open6 { type ifname; }
  map port4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
  map port6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
  map any4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map any6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
  map portspan4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr; flags interval; }
  map portspan6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr; flags interval; }
  map anyspan4 { type inet_proto . inet_service : ipv4_addr; flags interval; }
  map anyspan6 { type inet_proto . inet_service : ipv6_addr; flags interval; }
  set refused6 { type ipv6_addr; }
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
    iifname @bridges ip saddr 127.0.0.0/8 drop
    iifname @bridges ip6 daddr ::1 drop
    iifname @bridges ip6 saddr ::1 drop
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 return
    iifname != "lo" ip6 daddr ::1 return
    meta l4proto { tcp, udp, sctp } jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    meta l4proto { tcp, udp, sctp } jump publish
  }
  chain publish {
    ip6 daddr @refused6 return
    dnat ip to ip daddr . meta l4proto . th dport map @port4
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @port6
    dnat ip to ip daddr . meta l4proto . th dport map @portspan4
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @portspan6
    fib daddr type != local return
    dnat ip to meta l4proto . th dport map @any4
    dnat ip6 to meta l4proto . th dport map @any6
    dnat ip to meta l4proto . th dport map @anyspan4
    dnat ip6 to meta l4proto . th dport map @anyspan6
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    oifname @bridges ip6 saddr ::1 masquerade
    oifname . ip saddr @local4 ct status dnat masquerade
    oifname . ip6 saddr @local6 ct status dnat masquerade
    oifname @bridges return
    snat ip to ip saddr map @snat4
    snat ip6 to ip6 saddr map @snat6
    ip saddr @nat4 masquerade
    ip6 saddr @nat6 masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname . oifname @same accept
    iifname @internal drop
    oifname @internal drop
    oifname @bridges ct state established,related accept
    oifname @bridges ct status dnat accept
    iifname != @bridges oifname @open4 meta nfproto ipv4 accept
    iifname != @bridges oifname @open6 meta nfproto ipv6 accept
    oifname @bridges drop
  }
}
add element inet silo bridges { "silo0", "br-0123456789ab" }
add element inet silo internal { "br-0123456789ab" }
add element inet silo same { "silo0" . "silo0", "br-0123456789ab" . "br-0123456789ab" }
add element inet silo local4 { "silo0" . 172.29.0.0/16, "br-0123456789ab" . 10.201.0.0/24 }
add element inet silo local6 { "silo0" . fd00:1::/64 }
add element inet silo nat4 { 172.29.0.0/16 }
add element inet silo nat6 { fd00:1::/64 }
add element inet silo port4 { 127.0.0.1 . udp . 53 : 172.29.0.3 . 5353 }
add element inet silo port6 { 2001:db8::1 . tcp . 443 : fd00:1::3 . 443 }
add element inet silo any4 { tcp . 8080 : 172.29.0.2 . 80 }
add element inet silo any6 { tcp . 8080 : fd00:1::2 . 80 }
add element inet silo refused6 { ::1 }
`);
});

test('a change names only what differs, removals first', () => {
  const moved = plan.ports.map((port) => (port.hostPort === 53 ? { ...port, address: '172.29.0.9' } : port));
  const next = { ...plan, ipv6Loopback: true, ports: moved.filter(({ hostPort }) => hostPort !== 443) };
  expect(renderChange('silo', compareElements(elementsOf(plan), elementsOf(next))))
    .toBe(`delete element inet silo port4 { 127.0.0.1 . udp . 53 }
delete element inet silo port6 { 2001:db8::1 . tcp . 443 }
delete element inet silo refused6 { ::1 }
add element inet silo port4 { 127.0.0.1 . udp . 53 : 172.29.0.9 . 5353 }
`);
  expect(renderChange('silo', compareElements(elementsOf(plan), elementsOf(plan)))).toBe('');
});

test('neighbouring ports that keep their numbers are one interval; others are elements of their own', () => {
  const ports = (first: number, count: number, shift: number, hostAddress = '0.0.0.0'): typeof plan.ports =>
    Array.from({ length: count }, (_, index) => ({
      protocol: 'sctp' as const,
      hostAddress,
      hostPort: first + index,
      address: '172.29.0.2',
      containerPort: first + index + shift,
    }));
  const elements = elementsOf({
    ...plan,
    ports: [...ports(8000, 500, 0), ...ports(9000, 2, 100), ...ports(8000, 3, 0, '10.0.0.1')],
  });
  expect([...(elements.get('anyspan4') ?? [])]).toEqual([['sctp . 8000-8499', '172.29.0.2']]);
  expect([...(elements.get('portspan4') ?? [])]).toEqual([['10.0.0.1 . sctp . 8000-8002', '172.29.0.2']]);
  expect([...(elements.get('any4') ?? [])]).toEqual([
    ['sctp . 9000', '172.29.0.2 . 9100'],
    ['sctp . 9001', '172.29.0.2 . 9101'],
  ]);
});
