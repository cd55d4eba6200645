import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runnableImage, skipReason } from '../crash/world.ts';
import { programs, startEngine, type TestEngine } from '../e2e/harness.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';

if (skipReason) console.log(`skipped: logging in: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('registries are asked', () => {
  let engine: TestEngine;
  let guarded: Server;
  let host: string;
  let registry: HostileRegistry;
  beforeAll(async () => {
    const wanted = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
    guarded = createServer((request, response) => {
      const isKnown = request.headers.authorization === wanted;
      response.writeHead(
        isKnown ? 200 : 401,
        isKnown ? {} : { 'www-authenticate': 'Basic realm="here"', 'content-type': 'application/json' },
      );
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(guarded, 'listening');
    host = `127.0.0.1:${(guarded.address() as AddressInfo).port}`;
    registry = await startHostileRegistry();
    engine = await startEngine();
  }, 60_000);
  afterAll(async () => {
    guarded.close();
    guarded.closeAllConnections();
    await registry[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  }, 60_000);

  const auth = (body: object): Promise<{ status: number; text: string }> => engine.api('POST', '/auth', body);

  test('whether credentials are good, wrong, or none', async () => {
    const good = await auth({ username: 'ann', password: 'secret', serveraddress: host });
    expect([good.status, JSON.parse(good.text)]).toEqual([
      200,
      { Status: 'Login Succeeded', IdentityToken: '' },
    ]);
    const bad = await auth({ username: 'ann', password: 'wrong', serveraddress: `https://${host}/v1/` });
    expect([bad.status, bad.text]).toEqual([
      401,
      expect.stringMatching(/login attempt to \S+ failed with status: 401 Unauthorized/),
    ]);
    expect((await auth({ serveraddress: host })).status).toBe(400);
    expect((await auth({ username: 'a', password: 'b', serveraddress: 'a b@c' })).status).toBe(400);
    expect((await auth({ username: 'a', password: 'b', serveraddress: '127.0.0.1:1' })).status).toBe(503);
    expect(engine.log()).not.toContain('secret');
  }, 60_000);

  test.skipIf(!programs.includes('docker'))(
    'the Docker CLI logs in with a good password, and does not with a wrong one',
    async () => {
      const good = await engine.docker('login', '-u', 'ann', '-p', 'secret', host);
      expect([good.code, good.stdout]).toEqual([0, expect.stringContaining('Login Succeeded')]);
      const bad = await engine.docker('login', '-u', 'ann', '-p', 'wrong', host);
      expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining('401 Unauthorized')]);
    },
    60_000,
  );

  test('what a name means there, without pulling it', async () => {
    registry.add('app', '1', runnableImage());
    const name = `${registry.host}/app:1`;
    const { status, text } = await engine.api('GET', `/distribution/${name}/json`);
    expect([status, JSON.parse(text)]).toEqual([
      200,
      {
        Descriptor: {
          mediaType: expect.stringContaining('manifest'),
          digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
          size: expect.any(Number),
        },
        Platforms: [{ architecture: expect.any(String), os: 'linux' }],
      },
    ]);
    expect(JSON.parse((await engine.api('GET', '/images/json')).text)).toEqual([]);
    expect((await engine.api('GET', `/distribution/${registry.host}/nothing:1/json`)).status).toBe(404);
    expect((await engine.api('GET', '/distribution/BAD/json')).status).toBe(400);
  }, 60_000);
});
