import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason as crashSkipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { siloCommand, startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, publishedAt, remove } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';

const skipReason =
  crashSkipReason ??
  (process.env['SILO_TEST_DEBIAN'] === '1'
    ? undefined
    : 'SILO_TEST_DEBIAN=1 builds and runs them from packages of Debian and npm (ten minutes, with mirrors)');
if (skipReason) console.log(`skipped: the examples: ${skipReason}`);

setDefaultTimeout(900_000);

const examples = join(import.meta.dir, '../../examples');
const certificates = '/etc/ssl/certs/ca-certificates.crt';

describe.skipIf(skipReason !== undefined)('examples', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await said('image', 'bootstrap', 'debian:bookworm-slim');
  });
  afterAll(() => engine?.[Symbol.asyncDispose]());

  const said = async (...words: string[]): Promise<string> => {
    const env = { SILO_HOST: engine.host, DOCKER_CONFIG: join(engine.directory, 'no-config') };
    const { code, stdout, stderr } = await run(siloCommand(...words), { env, timeoutMs: 800_000 });
    if (code !== 0) throw new Error(`silo ${words.join(' ')}: ${code}\n${stdout}\n${stderr}`);
    return stdout;
  };
  const healthy = async (name: string): Promise<void> => {
    const status = async (): Promise<string> =>
      (await ask<{ State: { Health: { Status: string } } }>(engine, 'GET', `/containers/${name}/json`)).State
        .Health.Status;
    if (!(await eventually(async () => (await status()) === 'healthy', 60_000)))
      throw new Error(`${name}: ${await said('logs', name)}`);
  };
  const fetched = async (name: string, port: string, body?: string): Promise<string> => {
    const url = `http://${await publishedAt(engine, name, port)}/`;
    return (await fetch(url, body === undefined ? {} : { method: 'POST', body })).text();
  };

  test.each(['c-scratch', 'nginx-static', 'python-notes', 'node-web', 'postgres', 'redis'])(
    '%s is built, and nothing is done again the second time',
    async (name) => {
      const secret = existsSync(certificates) ? ['--secret', `id=ca,src=${certificates}`] : [];
      const build = () => said('build', ...secret, '-q', '-t', `ex-${name}`, join(examples, name));
      const id = await build();
      expect(await build()).toBe(id);
    },
  );

  test('the tests of node-web pass in a stage of their own', async () => {
    const secret = existsSync(certificates) ? ['--secret', `id=ca,src=${certificates}`] : [];
    await said('build', ...secret, '--target', 'test', join(examples, 'node-web'));
  });

  test('the compiled program is alone in its image', async () => {
    expect(await said('run', '--rm', '--hostname', 'box', 'ex-c-scratch')).toContain('hello from box');
    const { RootFS, Size } = await ask<{ RootFS: { Layers: string[] }; Size: number }>(
      engine,
      'GET',
      '/images/ex-c-scratch/json',
    );
    expect(RootFS.Layers).toHaveLength(1);
    expect(Size).toBeLessThan(2_000_000);
  });

  test.each(['default', 'hardened'])(
    'all serve, become healthy and keep their data, with --security %s',
    async (preset) => {
      const launch = (name: string, ...words: string[]): Promise<string> =>
        said('run', '-d', '--name', name, '--network', 'shop', '--security', preset, ...words, `ex-${name}`);
      await said('network', 'create', 'shop');
      await launch('nginx-static', '-p', '127.0.0.1::80');
      await launch('node-web', '-p', '127.0.0.1::3000', '-e', 'GREETING=welcome');
      await launch('python-notes', '-p', '127.0.0.1::8000', '-v', 'notes:/data');
      await launch('postgres', '-e', 'POSTGRES_PASSWORD=secret', '-v', 'db:/var/lib/postgresql/data');
      await launch('redis', '-v', 'cache:/data');
      const all = ['nginx-static', 'node-web', 'python-notes', 'postgres', 'redis'];
      for (const name of all) await healthy(name);

      expect(await fetched('nginx-static', '80/tcp')).toContain('Served by nginx');
      expect(await fetched('node-web', '3000/tcp')).toBe('{"greeting":"welcome"}');
      await fetched('python-notes', '8000/tcp', 'first note');
      await said('exec', 'redis', 'redis-cli', 'set', 'key', 'kept');
      // By name, over the network, with the password.
      const psql =
        'run --rm --network shop -e PGPASSWORD=secret --entrypoint psql ex-postgres -h postgres -U postgres';
      const query = (sql: string): Promise<string> => said(...psql.split(' '), '-tAc', sql);
      await query("create table kept (word text); insert into kept values ('kept')");

      for (const name of ['python-notes', 'postgres', 'redis']) await said('restart', name);
      for (const name of all) await healthy(name);
      expect(JSON.parse(await fetched('python-notes', '8000/tcp'))).toEqual(['first note']);
      expect((await said('exec', 'redis', 'redis-cli', 'get', 'key')).trim()).toBe('kept');
      expect((await query('select word from kept')).trim()).toBe('kept');

      for (const name of all) await remove(engine, name);
      await said('network', 'rm', 'shop');
      await said('volume', 'rm', 'notes', 'db', 'cache');
      expect(await findLeftovers(engine)).toEqual([]);
    },
  );
});
