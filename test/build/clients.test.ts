import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import Docker from 'dockerode';
import { archive, member } from '../../src/foundation/archive/tar-fixtures.ts';
import { findComposeClients } from '../compose/clients.ts';
import { skipReason } from '../crash/world.ts';
import { programs, type TestEngine } from '../e2e/harness.ts';
import { ask } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';
import { useEngine, writeContext } from './harness.ts';

if (skipReason) console.log(`skipped: building by other clients: ${skipReason}`);
const hasPython = Bun.spawnSync(['python3', '-c', 'import docker']).exitCode === 0;
if (!hasPython) console.log('skipped: building by docker-py, which is not installed');

/** Clients as their users have them. */
describe.skipIf(skipReason !== undefined)('building by other clients', () => {
  let engine: TestEngine;
  useEngine((started) => (engine = started));

  test('dockerode builds with its options, and prunes', async () => {
    const docker = new Docker({ socketPath: engine.socket });
    const tar = archive(member({ name: 'D', content: 'FROM busybox\nARG WHO\nRUN echo "built by $WHO"\n' }));
    const follow = (stream: NodeJS.ReadableStream): Promise<{ stream?: string; error?: string }[]> =>
      new Promise((resolve, reject) =>
        docker.modem.followProgress(stream, (error, events: { stream?: string }[]) =>
          error === null ? resolve(events) : reject(error),
        ),
      );
    const events = await follow(
      await docker.buildImage(tar as unknown as NodeJS.ReadableStream, {
        t: 'rode:1',
        dockerfile: 'D',
        buildargs: { WHO: 'rode' },
        labels: { by: 'rode' },
        shmsize: 1 << 26,
        memory: 1 << 28,
        extrahosts: 'db:10.1.2.3',
      }),
    );
    expect(events.map(({ stream = '' }) => stream).join('')).toContain('built by rode\n');
    expect((await docker.getImage('rode:1').inspect()).Config.Labels).toEqual({ by: 'rode' });
    const kit = await docker
      .buildImage(tar as unknown as NodeJS.ReadableStream, { version: '2' })
      .then(String, String);
    expect(kit).toContain('use DOCKER_BUILDKIT=0 docker build, or silo build');
    const { BuildCache } = await ask<{ BuildCache: { Type: string; UsageCount: number }[] }>(
      engine,
      'GET',
      '/system/df',
    );
    expect(BuildCache).toContainEqual(expect.objectContaining({ Type: 'regular', UsageCount: 1 }));
    for (const filters of ['{"odd":["x"]}', '{"inuse":["perhaps"]}'])
      expect((await engine.api('POST', `/build/prune?filters=${encodeURIComponent(filters)}`)).status).toBe(
        400,
      );
    await docker.pruneBuilder();
    const after = await ask<{ BuildCache: unknown[] }>(engine, 'GET', '/system/df?type=build-cache');
    expect(after.BuildCache).toEqual([]);
  }, 60_000);

  test('docker-py builds, and hears of what fails', async () => {
    if (!hasPython) return;
    const result = await run(['python3', join(import.meta.dir, 'build.py'), engine.host]);
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: 'ok\n' });
  }, 60_000);

  test('Compose 1 builds what it runs', async () => {
    const compose = (await findComposeClients()).find(({ name }) => name === 'Compose 1');
    if (compose === undefined) return console.log('skipped: building by Compose 1, which is not installed');
    const folder = writeContext(engine, 'composed', {
      Dockerfile: 'FROM busybox AS last\nARG A\nRUN echo $A > /a\nFROM scratch\n',
      'docker-compose.yml':
        "version: '3'\nservices:\n  web:\n    image: composed:1\n    build:\n      context: .\n      target: last\n      args: {A: composed}\n      shm_size: 64m\n",
    });
    const env = { DOCKER_HOST: engine.host, DOCKER_BUILDKIT: '0', COMPOSE_DOCKER_CLI_BUILD: '0' };
    const words = [...compose.command, '-f', join(folder, 'docker-compose.yml'), 'build'];
    expect(await run(words, { env })).toMatchObject({ code: 0 });
    const shown = await engine.silo('run', '--rm', '--network=none', 'composed:1', 'cat', '/a');
    expect(shown.stdout).toBe('composed\n');
  }, 60_000);

  test("Docker's CLI builds with limits, and shows the cache", async () => {
    if (!programs.includes('docker')) return;
    const folder = writeContext(engine, 'limited', {
      Dockerfile:
        'FROM busybox\nRUN --mount=type=cache,target=/c ulimit -n; grep -c ^10.1.2.3 /etc/hosts; cp /bin/busybox /c\n',
    });
    const docker = (...words: string[]) => {
      const { command, env } = engine.client('docker', ...words);
      return run(command, { env: { ...env, DOCKER_BUILDKIT: '0' } });
    };
    const built = await docker(
      'build',
      '--ulimit',
      'nofile=123:456',
      '--add-host',
      'db:10.1.2.3',
      '-m',
      '200m',
      folder,
    );
    expect(built).toMatchObject({ code: 0, stdout: expect.stringMatching(/\n123\n1\n/) });
    const shown = await docker('system', 'df');
    expect(shown.stdout).toMatch(/Build Cache +[1-9]/);
    const usage = await engine.silo('system', 'df', '-v');
    expect(usage.stdout).toMatch(/\nBuild cache usage: [1-9][^\n]*\n\nCACHE ID [^]*\n\w{12} +regular /);
    expect((await docker('builder', 'prune', '-f', '--filter', 'until=24h')).stdout).toContain(
      'Total reclaimed space: 0B',
    );
  }, 60_000);
});
