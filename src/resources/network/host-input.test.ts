import { expect, test } from 'bun:test';
import { mirrorHostInput } from './host-input.ts';

/** As `nft list ruleset` writes it: by hand, from firewalld, and from iptables as ufw uses it. */
const ruleset = `table inet filter {
	set ok {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.0/8, 192.0.2.1,
			     192.0.2.9 }
	}

	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { invalid : drop, established : accept, related : accept }
		iifname "lo" accept
		ip saddr @ok tcp dport 8080 counter packets 4 bytes 240 accept comment "tcp dport 9 is closed"
		ip daddr . udp dport { 192.0.2.1 . 53 } accept
		tcp dport vmap { 22 : accept, 8081 : jump web }
		fib daddr type local th dport 99 accept
		ct status dnat accept
		log prefix "tcp dport " reject
	}

	chain web {
		limit rate 10/second accept
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
	}
}
table ip filter {
	chain INPUT {
		type filter hook input priority filter; policy accept;
		meta l4proto tcp tcp dport { 80, 443 } counter packets 0 bytes 0 accept
		xt match "recent" counter packets 0 bytes 0 drop
	}
}
table inet open {
	chain input {
		type filter hook input priority filter; policy accept;
	}
}
table inet silo {
	chain guard {
		type filter hook prerouting priority raw; policy accept;
	}
}
table inet silo-host-inet-old {
	chain input {
	}
}
`;

test('chains of input are hooked into forward, with the destination before the translation', () => {
  const { script, skipped } = mirrorHostInput(ruleset, { table: 'silo', bridges: ['silo0', 'br-1'] });
  expect(script).toBe(`delete table inet silo-host-inet-old
table inet silo-host-inet-filter {
 set ok {
  type ipv4_addr
  flags interval
  elements = { 10.0.0.0/8, 192.0.2.1,
  192.0.2.9 }
 }
 chain input {
 }
 chain web {
 }
 chain input {
  ct state vmap { invalid : drop, established : accept, related : accept }
  iifname "lo" accept
  meta l4proto tcp ip saddr @ok ct original proto-dst 8080 accept
  meta l4proto udp meta nfproto ipv4 ct original ip daddr . ct original proto-dst { 192.0.2.1 . 53 } accept
  meta l4proto tcp ct original proto-dst vmap { 22 : accept, 8081 : jump web }
  meta l4proto tcp ct original proto-dst 99 accept
  meta l4proto udp ct original proto-dst 99 accept
  meta l4proto sctp ct original proto-dst 99 accept
  log prefix "tcp dport " reject
  drop
 }
 chain web {
  limit rate 10/second accept
 }
 chain silo-entry-0 {
  type filter hook forward priority filter; policy accept;
  ct state new ct status dnat oifname { "silo0", "br-1" } iifname != { "silo0", "br-1" } jump input
 }
}
table ip silo-host-ip-filter {
 chain INPUT {
 }
 chain INPUT {
  meta l4proto tcp meta l4proto tcp ct original proto-dst { 80, 443 } accept
 }
 chain silo-entry-0 {
  type filter hook forward priority filter; policy accept;
  ct state new ct status dnat oifname { "silo0", "br-1" } iifname != { "silo0", "br-1" } jump INPUT
 }
}
`);
  expect(skipped).toEqual(['xt match "recent" drop']);
});

test('without the rules in between the last word of a chain counts', () => {
  const { cautiousScript } = mirrorHostInput(ruleset, { table: 'silo', bridges: ['silo0'] });
  expect(cautiousScript).toBe(`delete table inet silo-host-inet-old
table inet silo-host-inet-filter {
 chain input {
  drop
 }
 chain silo-entry-0 {
  type filter hook forward priority filter; policy accept;
  ct state new ct status dnat oifname { "silo0" } iifname != { "silo0" } jump input
 }
}
`);
});

test('a host without rules for what comes in needs no mirror', () => {
  expect(mirrorHostInput('', { table: 'silo', bridges: ['silo0'] }).script).toBe('');
  expect(mirrorHostInput(ruleset, { table: 'silo', bridges: [] }).script).toBe(
    'delete table inet silo-host-inet-old\n',
  );
});
