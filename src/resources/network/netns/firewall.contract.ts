import { afterEach, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  machineAt,
  openResources,
  port,
  startContainer,
  startOutside,
  stopEverything,
  watchRules,
  type Machine,
  type TestContainer,
} from '../test-sandbox.ts';

/*
 * A client machine, a host with a firewall, and containers behind it.
 */
const host = machineAt(null);
afterEach(async () => {
  await stopEverything();
  host.run('nft', 'flush', 'ruleset');
  for (const link of (host.run('ip', '-br', 'link') ?? '').matchAll(/^((?:silo|br-|out)[^@ ]*)/gm))
    host.run('ip', 'link', 'del', link[1] ?? '');
});

function load(script: string): void {
  const { status, stderr } = spawnSync('nft', ['-f', '-'], { input: script, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** Resolves when the client gets the answer; the test's own limit ends a wait in vain. */
async function untilAnswers(client: Machine, place: [string, number], wanted: string): Promise<void> {
  while (!(await client.ask(...place)).startsWith(wanted));
}

interface Scene {
  outside: Machine;
  web: TestContainer;
  resources: Awaited<ReturnType<typeof openResources>>;
}

async function stage(options: { publishedPorts?: 'docker' } = {}): Promise<Scene> {
  const outside = await startOutside(host);
  const resources = await openResources(options);
  const web = await startContainer(resources, {
    ports: [
      port(7, { hostPort: 8080 }),
      port(7, { hostPort: 8081 }),
      port(7, { hostPort: 8080, protocol: 'udp' }),
      port(7, { hostPort: 8081, protocol: 'udp' }),
    ],
  });
  await web.serve(7);
  return { outside, web, resources };
}

const byHand = `
table inet filter {
  set trusted { type ipv4_addr; flags interval; elements = { 198.51.100.2 } }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname "lo" accept
    meta l4proto ipv6-icmp accept
    ip saddr @trusted tcp dport 8081 accept
    ip6 daddr 2001:db8::1 tcp dport 8081 accept
    meta l4proto { tcp, udp } th dport { 53, 8081 } meta l4proto udp accept
    fib daddr . iif type local tcp dport vmap { 22 : accept, 23 : drop }
  }
}`;
/** In the manner of firewalld: it lets translated connections pass as such, and zones decide by interface. */
const zones = `
table inet firewalld {
  chain filter_IN_public_allow {
    tcp dport 8081 ct state { new, untracked } accept
    udp dport 8081 accept
  }
  chain filter_IN_public {
    jump filter_IN_public_allow
    meta l4proto { icmp, ipv6-icmp } accept
  }
  chain filter_INPUT_ZONES {
    iifname "out0" goto filter_IN_public
    goto filter_IN_public
  }
  chain filter_INPUT {
    type filter hook input priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state { invalid } drop
    jump filter_INPUT_ZONES
    reject with icmpx type admin-prohibited
  }
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
  }
}`;

const rejected = ['timeout', 'EHOSTUNREACH', 'ECONNREFUSED', 'EACCES'];

for (const [name, rules] of [
  ['written by hand', byHand],
  ['in the manner of firewalld', zones],
] as const)
  test(`rules ${name} for what comes in decide about published ports`, async () => {
    load(rules);
    const { outside, resources } = await stage();
    const other = await startContainer(resources);
    expect(await outside.ask('198.51.100.1', 8081)).toBe('tcp 198.51.100.2');
    expect(await outside.ask('2001:db8::1', 8081)).toBe('tcp 2001:db8::2');
    expect(await outside.ask('198.51.100.1', 8081, 'udp')).toBe('udp 198.51.100.2');
    const refused = await Promise.all([
      outside.ask('198.51.100.1', 8080),
      outside.ask('2001:db8::1', 8080),
      outside.ask('198.51.100.1', 8080, 'udp'),
    ]);
    for (const answer of refused) expect(rejected).toContain(answer);
    expect(await host.ask('127.0.0.1', 8080)).toStartWith('tcp ');
    expect(await other.ask('172.29.0.1', 8080)).toStartWith('tcp ');
    expect(await other.ask('198.51.100.2', 9)).toBe('ECONNREFUSED');
  });

test('rules of iptables, as ufw writes them, decide too', async () => {
  if (!existsSync('/usr/sbin/iptables')) return console.warn('skipped: iptables is not installed');
  for (const rule of [
    'iptables -P INPUT DROP',
    'iptables -N ufw-user-input',
    'iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    'iptables -A INPUT -m addrtype --dst-type BROADCAST -j RETURN',
    'iptables -A INPUT -j ufw-user-input',
    'iptables -A ufw-user-input -p tcp --dport 8081 -j ACCEPT',
    'iptables -A ufw-user-input -p udp -m multiport --dports 53,8081 -j ACCEPT',
  ])
    if (host.run(...rule.split(' ')) === undefined)
      return console.warn(`skipped: this kernel refuses ${rule}`);
  const { outside } = await stage();
  expect(await outside.ask('198.51.100.1', 8081)).toBe('tcp 198.51.100.2');
  expect(await outside.ask('198.51.100.1', 8081, 'udp')).toBe('udp 198.51.100.2');
  expect(await outside.ask('198.51.100.1', 8080)).toBe('timeout');
});

test('the switch gives the behaviour of Docker: what comes in is not asked, what is forwarded is', async () => {
  load(byHand);
  const { outside } = await stage({ publishedPorts: 'docker' });
  expect(await outside.ask('198.51.100.1', 8080)).toBe('tcp 198.51.100.2');
  expect(host.run('nft', 'list', 'tables')).not.toContain('silo-host');
  load(
    'table inet own {\n chain forward {\n type filter hook forward priority 0;\n meta l4proto tcp ct original proto-dst 8080 drop\n }\n}',
  );
  expect(await outside.ask('198.51.100.1', 8080)).toBe('timeout');
  expect(await outside.ask('198.51.100.1', 8081)).toBe('tcp 198.51.100.2');
});

test('a reload of the rules of the host closes nothing that was open, and its changes count at once', async () => {
  load(byHand);
  const { outside } = await stage();
  load(`flush ruleset\n${byHand}`);
  await untilAnswers(outside, ['198.51.100.1', 8081], 'tcp 198.51.100.2');
  expect(await outside.ask('198.51.100.1', 8080)).toBe('timeout');
  load(`flush ruleset\n${byHand.replaceAll('8081', '8080')}`);
  await untilAnswers(outside, ['198.51.100.1', 8080], 'tcp 198.51.100.2');
  expect(await outside.ask('198.51.100.1', 8081)).toBe('timeout');
  load('add rule inet filter input tcp dport 8081 accept');
  await untilAnswers(outside, ['198.51.100.1', 8081], 'tcp 198.51.100.2');
});

test('what somebody takes out of our rules comes back by itself', async () => {
  const { outside } = await stage();
  for (const damage of [
    'flush ruleset',
    'delete table inet silo',
    'delete element inet silo any4 { tcp . 8080 }',
    'flush chain inet silo publish',
  ]) {
    load(damage);
    await untilAnswers(outside, ['198.51.100.1', 8080], 'tcp 198.51.100.2');
  }
});

test('our own changes are no damage: they are followed by nothing', async () => {
  const { resources } = await stage();
  let changes = 0;
  const seen = Promise.withResolvers<void>();
  using _ = watchRules(() => {
    changes++;
    seen.resolve();
  });
  await startContainer(resources, { ports: [port(7, { hostPort: 8090 })] });
  await seen.promise;
  // Several times what an answer to damage waits for.
  await Bun.sleep(500);
  changes = 0;
  await Bun.sleep(500);
  expect(changes).toBe(0);
});

test('a bridge that somebody deletes under containers comes back by itself', async () => {
  const { outside } = await stage();
  host.run('ip', 'link', 'del', 'silo0');
  await untilAnswers(outside, ['198.51.100.1', 8080], 'tcp 198.51.100.2');
});

test('repair puts back a bridge, its members and the rules', async () => {
  const { outside, resources } = await stage();
  host.run('ip', 'link', 'del', 'silo0');
  await resources.repair();
  expect(await outside.ask('198.51.100.1', 8080)).toBe('tcp 198.51.100.2');
});

test('walls stand in both families; what is published is reached over them by the address of the host', async () => {
  await startOutside(host);
  const resources = await openResources();
  await resources.networks.create({ name: 'other', driver: 'bridge' });
  await resources.networks.create({ name: 'inner', driver: 'bridge', internal: true });
  await resources.networks.create({
    name: 'apart',
    driver: 'bridge',
    options: { 'com.docker.network.bridge.enable_icc': 'false' },
  });
  const web = await startContainer(resources, { network: 'apart', ports: [port(7, { hostPort: 8080 })] });
  const [neighbour, other, inner] = await Promise.all(
    ['apart', 'other', 'inner'].map((network) => startContainer(resources, { network })),
  );
  if (!neighbour || !other || !inner) return expect.unreachable();
  await web.serve(7);
  inner.run('ip', 'route', 'add', 'default', 'via', inner.endpoint.ipv4.gateway);
  inner.run('ip', 'route', 'add', 'default', 'via', inner.endpoint.ipv6?.gateway ?? '');
  const inside = [web.endpoint.ipv4.address, web.endpoint.ipv6?.address ?? ''];
  const outside = ['198.51.100.1', '2001:db8::1'];
  const ask = (from: TestContainer, addresses: string[], at: number): Promise<string[]> =>
    Promise.all(addresses.map((address) => from.ask(address, at)));
  const unreached = async (from: TestContainer, addresses: string[], at: number): Promise<void> => {
    for (const answer of await ask(from, addresses, at)) expect(rejected).toContain(answer);
  };
  await Promise.all([
    unreached(neighbour, inside, 7),
    unreached(other, inside, 7),
    unreached(inner, inside, 7),
  ]);
  await unreached(inner, outside, 8080);
  for (const answer of await ask(other, outside, 8080)) expect(answer).toStartWith('tcp ');
});
