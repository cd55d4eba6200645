import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, inspect, remove } from '../e2e/objects.ts';

if (skipReason) console.log(`skipped: names on networks: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('names on user-defined networks', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    for (const name of ['front', 'back']) await engine.silo('network', 'create', name);
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
  const run = (name: string, ...words: string[]): Promise<string> =>
    said('run', '-d', '--name', name, ...words, 'busybox', 'sleep', '600');
  /** Addresses that the name has for programs in the container; empty when it has none. */
  const addresses = async (from: string, name: string): Promise<string[]> => {
    const { stdout } = await engine.silo('exec', from, 'nslookup', '-type=a', name);
    return [...stdout.matchAll(/^Address: (\S+)$/gm)].map((match) => match[1] ?? '').toSorted();
  };
  const addressOn = async (name: string, network: string): Promise<string> => {
    const found = (await inspect(engine, name)) as unknown as {
      NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
    };
    return found.NetworkSettings.Networks[network]?.IPAddress ?? '';
  };

  test('containers find each other by name, short id, alias and host name, and only on their own networks', async () => {
    const id = await run('db', '--network', 'name=back,alias=store', '--hostname', 'datahost');
    await run('api', '--network', 'front', '--network', 'back');
    await run('web', '--network', 'front');
    const address = await addressOn('db', 'back');
    for (const name of ['db', 'DB', 'store', 'datahost', 'db.back', id.slice(0, 12)])
      expect({ name, found: await addresses('api', name) }).toEqual({ name, found: [address] });
    expect(await addresses('web', 'db')).toEqual([]);
    expect(await addresses('web', 'api')).toEqual([await addressOn('api', 'front')]);
    expect(await said('exec', 'api', 'cat', '/etc/resolv.conf')).toMatch(
      /^nameserver 127\.0\.0\.11\n[^]*ndots:0/,
    );
  });

  test('an alias of several containers has all their addresses', async () => {
    for (const name of ['one', 'two', 'three']) await run(name, '--network', 'name=back,alias=many');
    const all = await Promise.all(['one', 'two', 'three'].map((name) => addressOn(name, 'back')));
    expect(await addresses('one', 'many')).toEqual(all.toSorted());
  });

  test('addresses have names, those of nobody have none, and none of ours is asked elsewhere', async () => {
    await run('db', '--network', 'back');
    const { stdout } = await engine.silo('exec', 'db', 'nslookup', await addressOn('db', 'back'));
    expect(stdout).toContain('name = db.back');
    const unknown = await engine.silo('exec', 'db', 'nslookup', '-type=a', 'nobody');
    expect(unknown.stdout + unknown.stderr).toContain('NXDOMAIN');
  });

  test('names follow renames, ends, joins and leaves at once', async () => {
    await run('asker', '--network', 'back');
    await run('db', '--network', 'back');
    await said('rename', 'db', 'base');
    expect(await addresses('asker', 'db')).toEqual([]);
    expect(await addresses('asker', 'base')).toEqual([await addressOn('base', 'back')]);
    await said('network', 'disconnect', 'back', 'base');
    expect(await addresses('asker', 'base')).toEqual([]);
    await said('network', 'connect', '--alias', 'again', 'back', 'base');
    expect(await addresses('asker', 'again')).toEqual([await addressOn('base', 'back')]);
    await said('rm', '-f', 'base');
    expect(await addresses('asker', 'again')).toEqual([]);
  });

  test('a container of the default network has names once it joins another', async () => {
    await run('db', '--network', 'back');
    await run('plain');
    expect(await said('exec', 'plain', 'cat', '/etc/resolv.conf')).not.toContain('127.0.0.11');
    await said('network', 'connect', 'back', 'plain');
    expect(await addresses('plain', 'db')).toEqual([await addressOn('db', 'back')]);
  });

  test('names are answered while the engine is dead, and by it afterwards', async () => {
    await run('db', '--network', 'back');
    await run('loop', '--network', 'back');
    const { State } = await inspect(engine, 'loop');
    const address = await addressOn('db', 'back');
    await engine.kill();
    const asked = Bun.spawnSync([
      'nsenter',
      '-t',
      String(State.Pid),
      '-n',
      'busybox',
      'nslookup',
      '-type=a',
      'db',
      '127.0.0.11',
    ]);
    expect(asked.stdout.toString()).toContain(`Address: ${address}`);
    await engine.start();
    expect(await addresses('loop', 'db')).toEqual([await addressOn('db', 'back')]);
    await run('late', '--network', 'back');
    expect(await addresses('loop', 'late')).toEqual([await addressOn('late', 'back')]);
  });

  test('when the resolver dies another one takes its place', async () => {
    await run('db', '--network', 'back');
    const path = `${engine.directory}/`;
    const resolvers = [...new Bun.Glob('/proc/[0-9]*/cmdline').scanSync('/')].filter((file) => {
      const words = safeRead(file).split('\0');
      return words.some((word) => word.includes('resolver')) && words.some((word) => word.startsWith(path));
    });
    expect(resolvers).toHaveLength(1);
    process.kill(Number(resolvers[0]?.split('/')[2]), 'SIGKILL');
    // Whoever comes next waits for the new one.
    await run('late', '--network', 'back');
    await expectEventually(async () => (await addresses('db', 'late')).length === 1);
  });
});

function safeRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

async function expectEventually(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    if (await holds()) return;
    await Bun.sleep(100);
  }
  throw new Error('it did not come true');
}
