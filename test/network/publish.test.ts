import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, remove } from '../e2e/objects.ts';

if (skipReason) console.log(`skipped: ports of running containers: ${skipReason}`);

type Bindings = Record<string, { HostIp: string; HostPort: string }[] | null>;

describe.skipIf(skipReason !== undefined)('published ports', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
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
  const ports = async (name: string): Promise<{ live: Bindings; kept: Bindings }> => {
    const found = await ask<{
      NetworkSettings: { Ports: Bindings };
      HostConfig: { PortBindings: Bindings };
    }>(engine, 'GET', `/containers/${name}/json`);
    return { live: found.NetworkSettings.Ports, kept: found.HostConfig.PortBindings };
  };
  const page = 'mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www';
  const web = (name: string, ...options: string[]): Promise<string> =>
    said('run', '-d', '--name', name, ...options, 'busybox', 'sh', '-c', page);
  const get = (port: string): Promise<string> =>
    fetch(`http://127.0.0.1:${port}/`, { keepalive: false }).then(
      (response) => response.text(),
      () => 'closed',
    );
  /** The program inside may not listen yet; a port that is not published never answers. */
  const answers = async (port = ''): Promise<void> => {
    while ((await get(port)) !== 'page\n');
  };
  const freePort = async (): Promise<number> => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    return typeof address === 'object' && address ? address.port : 0;
  };

  test('open and close while the container runs, and stay so over its restart', async () => {
    await web('web', '-p', '127.0.0.1::80');
    const first = (await ports('web')).live['80/tcp']?.[0]?.HostPort ?? '';
    const second = String(await freePort());
    await said('update', '--publish-add', `127.0.0.1:${second}:80`, 'web');
    await answers(first);
    await answers(second);
    await said('update', '--publish-rm', '80', '--publish-add', `127.0.0.1:${second}:80`, 'web');
    expect((await ports('web')).live['80/tcp']).toEqual([{ HostIp: '127.0.0.1', HostPort: second }]);
    expect((await ports('web')).kept['80/tcp']).toEqual([{ HostIp: '127.0.0.1', HostPort: second }]);
    expect(await get(first)).toBe('closed');
    await answers(second);
    await said('restart', '-t', '0', 'web');
    expect((await ports('web')).live['80/tcp']).toEqual([{ HostIp: '127.0.0.1', HostPort: second }]);
  });

  test('all or nothing: a port that is taken, or was never published, changes nothing', async () => {
    await web('web', '-p', '127.0.0.1::80');
    const before = await ports('web');
    const stranger = createServer().listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const address = stranger.address();
    const taken = typeof address === 'object' && address ? address.port : 0;
    const refused = await engine.silo(
      'update',
      '--publish-add',
      '127.0.0.1::81',
      '--publish-add',
      `127.0.0.1:${taken}:80`,
      '--publish-rm',
      '80',
      'web',
    );
    expect(refused.stderr).toContain('address already in use');
    stranger.close();
    const absent = await engine.silo('update', '--publish-rm', '9:9', 'web');
    expect(absent.stderr).toContain('port 9/tcp is not published as 9');
    expect(await ports('web')).toEqual(before);
  });

  test('ranges are shown as ranges, and one free port of a range is taken', async () => {
    const first = await freePort();
    await said(
      'run',
      '-d',
      '--name',
      'range',
      '-p',
      `127.0.0.1:${first}-${first + 20}:80`,
      '-p',
      '127.0.0.1::5000-5002/sctp',
      'busybox',
      'sleep',
      '60',
    );
    const { live, kept } = await ports('range');
    expect(kept['80/tcp']).toEqual([{ HostIp: '127.0.0.1', HostPort: `${first}-${first + 20}` }]);
    expect(Number(live['80/tcp']?.[0]?.HostPort)).toBeGreaterThanOrEqual(first);
    expect(Object.keys(live)).toContain('5002/sctp');
  });

  test('the rules are put back by a command', async () => {
    await web('web', '-p', '127.0.0.1::80');
    await said('network', 'repair');
    const { live } = await ports('web');
    await answers(live['80/tcp']?.[0]?.HostPort);
  });
});
