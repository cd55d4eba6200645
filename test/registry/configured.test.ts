import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { programs, siloCommand, startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';
import { type HostileRegistry, startHostileRegistry } from './hostile-registry.ts';
import { sampleImage } from './sample-image.ts';

if (skipReason) console.log(`skipped: registries of a configured engine: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('an engine with registries in its configuration file', () => {
  const stack = new AsyncDisposableStack();
  let engine: TestEngine;
  let mirror: HostileRegistry;
  const image = sampleImage();
  const folder = mkdtempSync(join(tmpdir(), 'silo-configured-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  beforeAll(async () => {
    mirror = stack.use(await startHostileRegistry());
    const file = join(folder, 'daemon.json');
    const settings = {
      'registry-mirrors': [mirror.origin],
      registries: { '127.0.0.1:1': { mirrors: [{ url: `${mirror.origin}/cache`, tags: true }] } },
      'registry-certificates': [join(folder, 'certs.d')],
      'drop-packed-layers': true,
      proxies: { 'https-proxy': 'http://ann:sesame@proxy.invalid:3128' },
    };
    writeFileSync(file, JSON.stringify(settings));
    engine = stack.use(await startEngine({ args: ['--config', file] }));
  }, 60_000);
  afterAll(() => stack.disposeAsync(), 60_000);

  test('pulls from mirrors what its own registries do not give', async () => {
    mirror.add('library/small', 'latest', image);
    mirror.add('cache/team/app', 'v1', image);
    for (const name of ['small', '127.0.0.1:1/team/app:v1']) {
      const pulled = await engine.silo('pull', name);
      expect([pulled.stderr, pulled.code]).toEqual(['', 0]);
    }
    const { RepoTags } = await ask<{ RepoTags: string[] }>(engine, 'GET', '/images/small/json');
    expect(RepoTags.toSorted()).toEqual(['127.0.0.1:1/team/app:v1', 'small:latest']);
    const missing = await engine.silo('pull', '127.0.0.1:1/team/none:v1');
    expect(missing.code).toBe(1);
  }, 60_000);

  test('shows them in `info`, without the password of the proxy', async () => {
    const info = await ask<{ RegistryConfig: Record<string, unknown>; HttpsProxy: string }>(
      engine,
      'GET',
      '/info',
    );
    expect(info.RegistryConfig).toMatchObject({
      Mirrors: [`${mirror.origin}/`],
      IndexConfigs: {
        'docker.io': { Mirrors: [`${mirror.origin}/`], Official: true, Secure: true },
        '127.0.0.1:1': { Mirrors: [`${mirror.origin}/cache/`], Official: false },
      },
    });
    expect(info.HttpsProxy).toBe('http://xxxxx:xxxxx@proxy.invalid:3128');
  });

  test.each(programs)(
    'gives %s an identity token to keep instead of the password',
    async (program) => {
      await using registry = await startHostileRegistry({
        authentication: { kind: 'bearer', username: 'ann', password: 'open:sesame' },
      });
      const forms: string[] = [];
      registry.misbehave({
        path: '/token',
        act: ({ request, response, serve }) => {
          if (request.method === 'GET' && !request.url?.includes('offline_token=true')) return serve();
          request.on('data', (chunk: Buffer) => forms.push(chunk.toString()));
          request.on('end', () =>
            response.end(JSON.stringify({ token: 'any', refresh_token: 'kept-token' })),
          );
          request.resume();
        },
      });
      registry.misbehave({
        path: /^\/v2\/$/,
        act: ({ request, response, serve }) =>
          request.headers.authorization === 'Bearer any' ? void response.end('{}') : serve(),
      });
      const config = mkdtempSync(join(folder, 'config-'));
      const words = ['login', '-u', 'ann', '--password-stdin', registry.host];
      const command =
        program === 'docker'
          ? ['docker', '-H', engine.host, ...words]
          : siloCommand('-H', engine.host, ...words);
      const done = await run(command, {
        input: 'open:sesame\n',
        env: { DOCKER_CONFIG: config, PATH: process.env['PATH'] ?? '' },
      });
      expect([done.code, done.stdout]).toEqual([0, expect.stringContaining('Login Succeeded')]);
      const kept = readFileSync(join(config, 'config.json'), 'utf8');
      expect(kept).toContain('"identitytoken": "kept-token"');
      expect(kept).not.toContain(Buffer.from('ann:open:sesame').toString('base64'));
    },
    60_000,
  );
});
