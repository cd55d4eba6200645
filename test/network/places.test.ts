import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, remove } from '../e2e/objects.ts';

if (skipReason) console.log(`skipped: places on networks: ${skipReason}`);

interface Places {
  NetworkSettings: {
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null>;
    Networks: Record<
      string,
      { IPAddress: string; Gateway: string; GwPriority: number; Aliases: string[] | null }
    >;
  };
}

describe.skipIf(skipReason !== undefined)('a container on several networks', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    for (const name of ['front', 'back']) await engine.silo('network', 'create', name);
    await engine.silo('network', 'create', '--internal', 'inner');
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });
  const said = async (...args: string[]): Promise<string> => {
    const result = await engine.silo(...args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return result.stdout;
  };
  const places = (name: string): Promise<Places['NetworkSettings']> =>
    ask<Places>(engine, 'GET', `/containers/${name}/json`).then((found) => found.NetworkSettings);
  const inside = (name: string, command: string): Promise<string> => said('exec', name, 'sh', '-c', command);
  const interfaces = 'ls /sys/class/net | tr "\\n" " "';
  const gateway = 'ip route | sed -n "s/^default via \\([^ ]*\\).*/\\1/p"';

  test('has an interface for each, and leaves by the one of the highest priority', async () => {
    const networks = ['--network', 'front', '--network', 'name=back,gw-priority=7,alias=db'];
    await said('run', '-d', '--name', 'both', ...networks, '-p', '127.0.0.1::80', 'busybox', 'sleep', '600');
    const { Networks, Ports } = await places('both');
    expect(Object.keys(Networks)).toEqual(['front', 'back']);
    expect(Networks['back']).toMatchObject({ GwPriority: 7, Aliases: ['db'] });
    expect(await inside('both', interfaces)).toBe('eth0 eth1 lo ');
    expect(await inside('both', gateway)).toBe(`${Networks['back']?.Gateway}\n`);
    expect(Ports['80/tcp']).toMatchObject([{ HostIp: '127.0.0.1' }]);
  });

  test('joins and leaves while it runs; the way out and the ports follow', async () => {
    const page = 'mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www';
    await said(
      'run',
      '-d',
      '--name',
      'web',
      '--network',
      'front',
      '-p',
      '127.0.0.1::80',
      'busybox',
      'sh',
      '-c',
      page,
    );
    await said('network', 'connect', '--alias', 'www', 'back', 'web');
    expect(await inside('web', interfaces)).toBe('eth0 eth1 lo ');
    const joined = await places('web');
    const port = joined.Ports['80/tcp']?.[0]?.HostPort ?? '';
    const fetched = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();
    expect(await fetched()).toBe('page\n');
    // The first name leads out.
    expect(await inside('web', gateway)).toBe(`${joined.Networks['back']?.Gateway}\n`);
    expect(await inside('web', 'cat /etc/hosts')).toContain(`${joined.Networks['back']?.IPAddress}\t`);

    await said('network', 'disconnect', 'back', 'web');
    const left = await places('web');
    expect(Object.keys(left.Networks)).toEqual(['front']);
    expect(left.Ports['80/tcp']?.[0]?.HostPort).toBe(port);
    expect(await inside('web', interfaces)).toBe('eth0 lo ');
    expect(await inside('web', gateway)).toBe(`${left.Networks['front']?.Gateway}\n`);
    expect(await inside('web', 'cat /etc/hosts')).not.toContain(`${joined.Networks['back']?.IPAddress}\t`);
    expect(await fetched()).toBe('page\n');
  });

  test('keeps its places across the death of the engine, and can leave them afterwards', async () => {
    await said(
      'run',
      '-d',
      '--name',
      'stays',
      '--network',
      'front',
      '--network',
      'inner',
      'busybox',
      'sleep',
      '600',
    );
    const before = await places('stays');
    await engine.kill();
    await engine.start();
    expect(await places('stays')).toEqual(before);
    await said('network', 'disconnect', 'front', 'stays');
    expect(await inside('stays', interfaces)).toBe('eth1 lo ');
    expect(await inside('stays', gateway)).toBe('');
    await said('network', 'connect', 'front', 'stays');
    expect(await inside('stays', gateway)).toBe(`${(await places('stays')).Networks['front']?.Gateway}\n`);
  });

  test('a stopped container joins with its next start', async () => {
    await said('create', '--name', 'later', '--network', 'front', 'busybox', 'sleep', '600');
    const refused = await engine.silo('network', 'connect', '--ip', '10.255.77.9', 'back', 'later');
    expect(refused.stderr).toContain('only when connecting to networks with user configured subnets');
    await said('network', 'connect', 'inner', 'later');
    await said('start', 'later');
    expect(await inside('later', interfaces)).toBe('eth0 eth1 lo ');
    expect(Object.keys((await places('later')).Networks)).toEqual(['front', 'inner']);
  });

  test('a link on the default network follows the address of the other', async () => {
    await said('run', '-d', '--name', 'store', '--expose', '5432', '-e', 'A=b', 'busybox', 'sleep', '600');
    await said('run', '-d', '--name', 'shop', '--link', 'store:db', 'busybox', 'sleep', '600');
    expect(await inside('shop', "tr '\\0' '\\n' < /proc/1/environ | grep ^DB_ENV_A")).toBe('DB_ENV_A=b\n');
    await said('stop', '-t', '0', 'store');
    await said('run', '-d', '--name', 'squatter', 'busybox', 'sleep', '600');
    await said('start', 'store');
    const address = (await places('store')).Networks['bridge']?.IPAddress;
    expect(await inside('shop', 'grep -w db /etc/hosts | cut -f1; grep -cw store /etc/hosts')).toBe(
      `${address}\n1\n`,
    );
    await said('rm', '--link', 'shop/db');
    expect(
      (await ask<{ HostConfig: { Links: unknown } }>(engine, 'GET', '/containers/shop/json')).HostConfig
        .Links,
    ).toBeNull();
  });

  test('attack: a container that makes its files endless costs nothing when it leaves a network', async () => {
    await said('run', '-d', '--name', 'big', '--network', 'back', 'busybox', 'sleep', '600');
    await said('network', 'connect', 'front', 'big');
    await said('exec', 'big', 'sh', '-c', 'truncate -s 734003200 /etc/hosts /etc/resolv.conf');
    await said('network', 'disconnect', 'front', 'big');
    const status = readFileSync(`/proc/${engine.pid()}/status`, 'utf8');
    expect(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024).toBeLessThan(600);
    await said('network', 'connect', 'front', 'big');
  });

  test('what cannot be joined or left is refused in the words of Docker', async () => {
    await said('run', '-d', '--name', 'plain', '--network', 'front', 'busybox', 'sleep', '600');
    await said('run', '-d', '--name', 'shared', '--network', 'container:plain', 'busybox', 'sleep', '600');
    const refused: [string[], string][] = [
      [['connect', 'front', 'plain'], 'endpoint with name plain already exists in network front'],
      [['connect', 'host', 'plain'], 'cannot be disconnected from host network or connected to host network'],
      [['connect', 'back', 'shared'], 'sharing network namespace with another container or host'],
      [['disconnect', 'back', 'plain'], 'is not connected to network back'],
      [['connect', 'nosuch', 'plain'], 'network nosuch not found'],
      [['connect', 'back', 'nosuch'], 'No such container: nosuch'],
    ];
    for (const [words, text] of refused) {
      const { code, stderr } = await engine.silo('network', ...words);
      expect({ words, code, stderr }).toEqual({ words, code: 1, stderr: expect.stringContaining(text) });
    }
    expect((await engine.silo('network', 'disconnect', '-f', 'back', 'nosuch')).code).toBe(0);
  });
});
