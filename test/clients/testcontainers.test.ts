import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createConnection } from 'node:net';
import { text } from 'node:stream/consumers';
import { skipReason } from '../crash/world.ts';
import type * as Library from 'testcontainers';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { bridgedIsDropped } from '../network/bridged.ts';
import { importRedis, missingService, redisImage } from './service-image.ts';

const reason = skipReason ?? missingService;
if (reason) console.log(`skipped: testcontainers with a service image: ${reason}`);

/** Its reaper is switched off, as its documentation says for engines without that image. */
const settings = {
  TESTCONTAINERS_RYUK_DISABLED: 'true',
  TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1',
};

describe.skipIf(reason !== undefined)('testcontainers', () => {
  const before = { ...process.env };
  let engine: TestEngine;
  let library: typeof Library;
  beforeAll(async () => {
    engine = await startEngine();
    await importRedis(engine);
    Object.assign(process.env, settings, { DOCKER_HOST: engine.host });
    library = await import('testcontainers');
  });
  afterAll(async () => {
    for (const name of [...Object.keys(settings), 'DOCKER_HOST'])
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    await engine?.[Symbol.asyncDispose]();
  });

  const redis = (): InstanceType<typeof library.GenericContainer> =>
    new library.GenericContainer(redisImage).withExposedPorts(6379).withStartupTimeout(20_000);
  const serve = (command: string): InstanceType<typeof library.GenericContainer> =>
    new library.GenericContainer(redisImage).withCommand(['sh', '-c', command]).withStartupTimeout(20_000);

  test('a service is reached at its mapped port once the port listens', async () => {
    await using container = await redis().withWaitStrategy(library.Wait.forListeningPorts()).start();
    expect(await askRedis(container.getMappedPort(6379), 'PING')).toBe('+PONG');
    expect(container.getHost()).toBe('127.0.0.1');
  });

  test('it waits for a line of the log', async () => {
    await using container = await redis()
      .withWaitStrategy(library.Wait.forLogMessage('Ready to accept connections'))
      .start();
    expect(await askRedis(container.getMappedPort(6379), 'PING')).toBe('+PONG');
    const logs = await container.logs();
    logs.once('data', () => logs.destroy());
    await new Promise((resolve) => logs.once('close', resolve));
  });

  test('it waits for health', async () => {
    await using container = await redis()
      .withHealthCheck({
        test: ['CMD', 'redis-cli', 'ping'],
        interval: 200,
        timeout: 2000,
        retries: 20,
        startPeriod: 0,
      })
      .withWaitStrategy(library.Wait.forHealthCheck())
      .start();
    const { output, exitCode } = await container.exec(['redis-cli', 'ping']);
    expect([output.trim(), exitCode]).toEqual(['PONG', 0]);
  });

  test('it waits for a page, for a command, and for the end of a program', async () => {
    await using page = await serve('echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp')
      .withExposedPorts(80)
      .withWaitStrategy(library.Wait.forHttp('/index.html', 80).forStatusCode(200))
      .start();
    const answer = await fetch(`http://127.0.0.1:${page.getMappedPort(80)}/index.html`);
    expect(await answer.text()).toBe('hello\n');
    await using commanded = await redis()
      .withWaitStrategy(library.Wait.forSuccessfulCommand('redis-cli ping'))
      .start();
    expect(commanded.getId()).toHaveLength(64);
    await using once = await serve('echo done').withWaitStrategy(library.Wait.forOneShotStartup()).start();
    expect(await text(await once.logs())).toContain('done');
  });

  test('environment, labels, user, files and tmpfs arrive', async () => {
    await using container = await serve('echo ready; exec sleep 60')
      .withEnvironment({ COLOUR: 'green' })
      .withLabels({ suite: 'yes' })
      .withUser('redis')
      .withWorkingDir('/tmp')
      .withTmpFs({ '/scratch': 'rw,mode=1777' })
      .withCopyContentToContainer([{ content: 'a note', target: '/etc/note', mode: 0o644 }])
      .withCopyFilesToContainer([{ source: import.meta.path, target: '/etc/suite.ts' }])
      .withWaitStrategy(library.Wait.forLogMessage('ready'))
      .start();
    const told = await container.exec([
      'sh',
      '-c',
      'echo $COLOUR; pwd; cat /etc/note; touch /scratch/x && ls /scratch',
    ]);
    expect(told).toMatchObject({ output: 'green\n/tmp\na notex\n', exitCode: 0 });
    expect((await container.exec(['cat', '/etc/suite.ts'])).stdout).toContain('import { afterAll');
    expect(container.getLabels()).toMatchObject({ suite: 'yes' });
    await container.copyContentToContainer([{ content: 'later', target: '/tmp/later' }]);
    const as = await container.exec(['sh', '-c', 'cat /tmp/later; echo $X'], {
      env: { X: 'x' },
      user: 'root',
      workingDir: '/',
    });
    expect(as.output).toBe('laterx\n');
    const archive = await text(await container.copyArchiveFromContainer('/etc/note'));
    expect(archive).toContain('a note');
    expect((await container.exec(['sh', '-c', 'exit 9'])).exitCode).toBe(9);
  });

  test('containers of one network find each other by alias', async () => {
    await using network = await new library.Network().start();
    await using server = await redis()
      .withNetwork(network)
      .withNetworkAliases('store')
      .withWaitStrategy(library.Wait.forListeningPorts())
      .start();
    await using client = await serve('echo ready; exec sleep 60')
      .withNetwork(network)
      .withWaitStrategy(library.Wait.forLogMessage('ready'))
      .start();
    // The library joins it to a network with aliases after the default one.
    expect(server.getNetworkNames().toSorted()).toEqual(['bridge', network.getName()].toSorted());
    expect(client.getNetworkNames()).toEqual([network.getName()]);
    if (bridgedIsDropped()) return;
    const { output } = await client.exec(['redis-cli', '-h', 'store', 'ping']);
    expect(output.trim()).toBe('PONG');
  });

  test('it is stopped, started and restarted, and a stopped one is gone', async () => {
    const container = await redis().withWaitStrategy(library.Wait.forListeningPorts()).start();
    await container.exec(['redis-cli', 'set', 'k', 'v']);
    await container.restart({ timeout: 5000 });
    expect(await askRedis(container.getMappedPort(6379), 'PING')).toBe('+PONG');
    await container.stop({ timeout: 5000 });
    expect(JSON.parse((await engine.api('GET', '/containers/json?all=1')).text)).toEqual([]);
  });

  test('a committed container is an image for the next one', async () => {
    await using first = await serve('echo kept > /data/kept; echo ready; exec sleep 60')
      .withWaitStrategy(library.Wait.forLogMessage('ready'))
      .start();
    await first.commit({ repo: 'committed', tag: '1' });
    await using second = await new library.GenericContainer('committed:1')
      .withCommand(['sh', '-c', 'cat /data/kept'])
      .withWaitStrategy(library.Wait.forOneShotStartup())
      .start();
    expect(await text(await second.logs())).toContain('kept');
  });

  test('a start that fails tells why', async () => {
    const wrong = new library.GenericContainer(redisImage).withCommand(['nosuch']).start();
    expect(await wrong.catch((error: Error) => error.message)).toContain('executable file not found');
  });

  test('six services side by side', async () => {
    const many = await Promise.all(
      Array.from({ length: 6 }, () => redis().withWaitStrategy(library.Wait.forListeningPorts()).start()),
    );
    const ports = many.map((each) => each.getMappedPort(6379));
    expect(new Set(ports).size).toBe(6);
    expect(await Promise.all(ports.map((port) => askRedis(port, 'PING')))).toEqual(Array(6).fill('+PONG'));
    await Promise.all(many.map((each) => each.stop({ timeout: 5000 })));
  });
});

/** One command in redis' inline form, and the first line of the answer. */
function askRedis(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('data', (data) => {
      resolve(String(data).trim());
      socket.destroy();
    });
  });
}
