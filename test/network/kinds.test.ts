import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, remove } from '../e2e/objects.ts';
import { run as execute } from '../e2e/run.ts';
import { bridgedIsDropped } from './bridged.ts';

if (skipReason) console.log(`skipped: kinds of networks: ${skipReason}`);

interface Network {
  Driver: string;
  Internal: boolean;
  EnableIPv6: boolean;
  EnableIPv4: boolean;
  IPAM: { Config: { Subnet: string; Gateway: string; IPRange?: string }[] };
  Options: Record<string, string>;
  Containers: Record<string, { Name: string; IPv4Address: string; IPv6Address: string }>;
}

/** Kinds of interfaces that this kernel makes. */
const has = Object.fromEntries(
  ['macvlan', 'ipvlan', 'vlan'].map((kind) => {
    const make = `ip link add up0 type veth peer name up1 && ip link add link up0 name tried type ${kind}${kind === 'vlan' ? ' id 5' : ''}`;
    return [kind, Bun.spawnSync(['unshare', '-n', 'sh', '-c', make]).exitCode === 0];
  }),
);
for (const [kind, there] of Object.entries(has))
  if (!there) console.log(`skipped: networks with ${kind}: the kernel of this machine has none`);

describe.skipIf(skipReason !== undefined)('kinds of networks', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
    await engine.api('POST', '/networks/prune');
    expect((await findLeftovers(engine)).filter((line) => !line.includes('interface pairs'))).toEqual([]);
  });
  const said = async (...args: string[]): Promise<string> => {
    const result = await engine.silo(...args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout;
  };
  const run = (name: string, ...words: string[]): Promise<string> =>
    said('run', '-d', '--name', name, ...words, 'busybox', 'sleep', '600');
  const inside = (name: string, command: string): Promise<string> => said('exec', name, 'sh', '-c', command);
  const network = (name: string): Promise<Network> => ask<Network>(engine, 'GET', `/networks/${name}`);
  const reaches = async (from: string, address: string): Promise<boolean> =>
    (await engine.silo('exec', from, 'ping', '-c', '1', '-W', '1', address)).code === 0;
  const addressOf = async (name: string, of: string): Promise<string> => {
    const members = Object.values((await network(of)).Containers);
    return members.find((member) => member.Name === name)?.IPv4Address.split('/')[0] ?? '';
  };

  test('a bridge with range, gateway, auxiliary addresses, IPv6 block and MTU is shown and used as asked', async () => {
    const blocks = ['--subnet', '198.18.0.0/16', '--ip-range', '198.18.7.0/24', '--gateway', '198.18.0.254'];
    const more = [
      '--aux-address',
      'router=198.18.7.0',
      '--subnet',
      'fd00:211::/64',
      '--opt',
      'com.docker.network.driver.mtu=1400',
    ];
    await said('network', 'create', ...blocks, ...more, 'asked');
    expect((await network('asked')).IPAM.Config).toEqual([
      {
        Subnet: '198.18.0.0/16',
        IPRange: '198.18.7.0/24',
        Gateway: '198.18.0.254',
        AuxiliaryAddresses: { router: '198.18.7.0' },
      },
      { Subnet: 'fd00:211::/64' },
    ] as never);
    await run('one', '--network', 'asked');
    await run('two', '--network', 'asked', '--ip', '198.18.99.9', '--ip6', 'fd00:211::99');
    expect(await addressOf('one', 'asked')).toBe('198.18.7.1');
    expect(await inside('two', 'cat /sys/class/net/eth0/mtu; ip -6 addr show dev eth0')).toMatch(
      /^1400\n[^]*fd00:211::99\/64/,
    );
    expect(await inside('one', 'ip route')).toContain('default via 198.18.0.254');
    expect(bridgedIsDropped() || (await reaches('one', '198.18.99.9'))).toBe(true);
    expect(
      (await engine.silo('run', '--rm', '--network', 'asked', '--ip', '198.18.99.9', 'busybox', 'true'))
        .stderr,
    ).toContain('Address already in use');
  });

  test('an interface has the settings that were asked for, and only settings of it can be', async () => {
    await said('network', 'create', 'set');
    const option = 'com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME';
    await run('one', '--network', `name=set,driver-opt=${option}.log_martians=1`);
    expect(await inside('one', 'cat /proc/sys/net/ipv4/conf/eth0/log_martians')).toBe('1\n');
    await run('two');
    await said('network', 'connect', '--driver-opt', `${option}.proxy_arp=1`, 'set', 'two');
    expect(await inside('two', 'cat /proc/sys/net/ipv4/conf/eth1/proxy_arp')).toBe('1\n');
    const refused = await engine.silo(
      'create',
      '--network',
      'name=set,driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.all.forwarding=1',
      'busybox',
    );
    expect(refused.stderr).toContain('expected net.X.Y.IFNAME.Z');
  });

  test('with communication between containers off, they reach the gateway and published ports only', async () => {
    await said('network', 'create', '--opt', 'com.docker.network.bridge.enable_icc=false', 'apart');
    await run('one', '--network', 'apart');
    await run('two', '--network', 'apart');
    expect(await reaches('one', await addressOf('two', 'apart'))).toBe(false);
    expect(await reaches('one', (await network('apart')).IPAM.Config[0]?.Gateway ?? '')).toBe(true);
  });

  test.each(['macvlan', 'ipvlan'].filter((kind) => has[kind]))(
    'a %s without a parent joins its containers and nobody else',
    async (driver) => {
      await said('network', 'create', '--driver', driver, '--subnet', '198.19.2.0/24', 'lan');
      expect(await network('lan')).toMatchObject({ Driver: driver, EnableIPv6: false });
      await run('one', '--network', 'lan');
      await run('two', '--network', 'lan', '--network-alias', 'other');
      expect(await reaches('one', await addressOf('two', 'lan'))).toBe(true);
      expect(await inside('one', 'nslookup -type=a other')).toContain(await addressOf('two', 'lan'));
      await said('network', 'disconnect', 'lan', 'two');
      expect(await inside('two', 'ls /sys/class/net')).toBe('lo\n');
      await remove(engine, 'one');
      await remove(engine, 'two');
      await said('network', 'rm', 'lan');
      expect((await execute(['ip', '-o', 'link', 'show'], {})).stdout).not.toContain(' dm-');
    },
  );

  test.skipIf(!has['ipvlan'])(
    'an ipvlan in mode l3 leads out without a gateway among neighbours',
    async () => {
      await said(
        'network',
        'create',
        '--driver',
        'ipvlan',
        '--opt',
        'ipvlan_mode=l3',
        '--subnet',
        '198.19.3.0/24',
        'routed',
      );
      await run('one', '--network', 'routed');
      expect(await inside('one', 'ip route')).toContain('default dev eth0');
    },
  );

  test.skipIf(!has['vlan'])(
    'a macvlan on a VLAN of an interface makes the VLAN, and takes it away',
    async () => {
      const parent = `sv${process.pid % 10_000}p`;
      expect((await execute(['ip', 'link', 'add', parent, 'type', 'bridge'], {})).code).toBe(0);
      try {
        await execute(['ip', 'link', 'set', parent, 'up'], {});
        await said(
          'network',
          'create',
          '--driver',
          'macvlan',
          '--opt',
          `parent=${parent}.42`,
          '--subnet',
          '198.19.4.0/24',
          'tagged',
        );
        await run('one', '--network', 'tagged');
        expect((await execute(['ip', '-d', 'link', 'show', `${parent}.42`], {})).stdout).toContain(
          'vlan protocol 802.1Q id 42',
        );
        const again = await engine.silo(
          'network',
          'create',
          '--driver',
          'macvlan',
          '--opt',
          `parent=${parent}.42`,
          'second',
        );
        expect(again.stderr).toContain(`is already using parent interface ${parent}.42`);
        await remove(engine, 'one');
        await said('network', 'rm', 'tagged');
        expect((await execute(['ip', 'link', 'show', `${parent}.42`], {})).code).not.toBe(0);
      } finally {
        await execute(['ip', 'link', 'del', parent], {});
      }
    },
  );

  test.skipIf(has['ipvlan'] === true)(
    'a kind that the kernel lacks is named, and nothing stays',
    async () => {
      await said('network', 'create', '--driver', 'ipvlan', 'wanted');
      const start = await engine.silo('run', '--rm', '--network', 'wanted', 'busybox', 'true');
      expect(start.stderr).toContain('the kernel of this host has no ipvlan interfaces');
      await said('network', 'rm', 'wanted');
      expect((await execute(['ip', '-o', 'link', 'show'], {})).stdout).not.toContain(' dm-');
    },
  );

  test('two networks do not share a bridge', async () => {
    const bridge = `com.docker.network.bridge.name=${engine.footprint.bridge}x`;
    await said('network', 'create', '--opt', bridge, 'first');
    const second = await engine.silo('network', 'create', '--opt', bridge, 'second');
    expect(second.stderr).toContain('networks have same bridge name');
  });

  test('what makes no network is refused with the reason', async () => {
    const refused: [string[], string][] = [
      [['--driver', 'nosuch', 'x1'], 'plugin "nosuch" not found'],
      [['--ipam-driver', 'nosuch', 'x0'], 'plugin "nosuch" not found'],
      [['--driver', 'host', 'x2'], 'only one instance of "host" network is allowed'],
      [['--opt', 'nosuch=1', 'x3'], 'is not supported by the bridge driver'],
      [['--subnet', '10.215.0.0/33', 'x4'], 'invalid'],
      [['--subnet', '10.215.0.0/24', '--subnet', '10.216.0.0/24', 'x5'], `doesn't support multiple subnets`],
      [['--driver', 'macvlan', '--opt', 'parent=nosuch0', 'x6'], 'invalid subinterface vlan name nosuch0'],
      [['bridge'], 'operation is not permitted on predefined bridge network'],
    ];
    for (const [words, text] of refused) {
      const { code, stderr } = await engine.silo('network', 'create', ...words);
      expect({ words, code, stderr }).toEqual({ words, code: 1, stderr: expect.stringContaining(text) });
    }
  });

  test('a network has IPv6 alone: addresses, names, the way out and ports are of one family', async () => {
    await said('network', 'create', '--ipv4=false', 'six');
    const { IPAM, EnableIPv4, EnableIPv6 } = await network('six');
    expect([EnableIPv4, EnableIPv6, IPAM.Config.length]).toEqual([false, true, 1]);
    await run('web', '--network', 'six', '-p', '80');
    await run('client', '--network', 'six');
    const routes = 'ip -4 route | wc -l; ip -6 route show default | wc -l; ip -4 addr show eth0 | wc -l';
    expect(await inside('client', routes)).toBe('0\n1\n0\n');
    const ping = 'nslookup -type=aaaa web; ping -6 -c 1 -w 10 "$(hostname)"';
    expect(await inside('client', ping)).toContain('1 packets received');
    expect(await said('port', 'web')).toMatch(/^80\/tcp -> \[::\]:\d+\n$/);
    const wanted = ['--network', 'six', '--ip', '10.9.9.9', 'busybox', 'true'];
    expect((await engine.silo('run', '--rm', ...wanted)).stderr).toContain('user configured subnets');
    const neither = await engine.silo('network', 'create', '--ipv4=false', '--ipv6=false', 'neither');
    expect(neither.stderr).toContain('IPv4 or IPv6 must be enabled');
    await engine.kill();
    await engine.start();
    expect(await inside('client', ping)).toContain('1 packets received');
  });
});
