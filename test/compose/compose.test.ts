import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask } from '../e2e/objects.ts';
import { run, type Result } from '../e2e/run.ts';
import { findComposeClients } from './clients.ts';
import { importServices, missingPrograms } from './services-image.ts';

/** Docker's rules on this machine drop what other engines' bridges carry; `silo doctor` says so. */
const dropped = (): string | undefined =>
  Bun.spawnSync(['sh', '-c', 'iptables -S FORWARD 2>/dev/null | head -n 1'])
    .stdout.toString()
    .includes('DROP')
    ? 'a Docker on this machine drops traffic between containers'
    : undefined;

const clients = await findComposeClients();
for (const major of ['1', '2'])
  if (!clients.some(({ name }) => name.endsWith(major)))
    console.log(
      `skipped: Compose ${major}: not installed (Debian's docker-compose; for 2 SILO_COMPOSE names the program)`,
    );
const reason = skipReason ?? missingPrograms ?? dropped();
if (reason) console.log(`skipped: a Compose application: ${reason}`);

interface Results {
  greeting: string;
  api: { jobs: number; workers: string[] };
}

describe.skipIf(reason !== undefined)('an application of five services', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await importServices(engine);
  }, 60_000);
  afterAll(() => engine?.[Symbol.asyncDispose](), 30_000);

  test.each(clients.map((client) => [client.name, client] as const))(
    '%s brings it up, looks at it, changes it and takes it down',
    async (_, { command, separator }) => {
      const project = `shop${separator === '-' ? 'two' : 'one'}`;
      const file = join(import.meta.dir, 'app/compose.yaml');
      const env = {
        DOCKER_HOST: engine.host,
        DOCKER_CONFIG: join(engine.directory, 'no-config'),
        DOCKER_CONTEXT: '',
        COMPOSE_PROJECT_NAME: project,
        // Compose 1 asks docker to exec where it may; it can itself.
        COMPOSE_INTERACTIVE_NO_CLI: '1',
      };
      const compose = (words: string, more: Record<string, string> = {}): Promise<Result> =>
        run([...command, '-f', file, ...words.split(' ')], { env: { ...env, ...more }, timeoutMs: 90_000 });
      const said = async (words: string, more?: Record<string, string>): Promise<string> => {
        const { code, stdout, stderr } = await compose(words, more);
        if (code !== 0) throw new Error(`${words}: ${code}\n${stdout}\n${stderr}\n${engine.log()}`);
        return stdout;
      };
      const named = (service: string, number = 1): string => [project, service, number].join(separator);
      const web = async (path: string): Promise<Results> => {
        const address = (await said('port web 8000')).trim();
        // The program inside may listen later than its port is published.
        let body = '';
        const answers = async (): Promise<boolean> => {
          const response = await fetch(`http://${address}${path}`, {
            signal: AbortSignal.timeout(5_000),
          }).catch(() => undefined);
          body = (await response?.text()) ?? '';
          return response?.ok ?? false;
        };
        if (!(await eventually(answers, 60_000)))
          throw new Error(`web at ${address}: ${body}\n${await said('logs --no-color --tail 5')}`);
        return JSON.parse(body) as Results;
      };
      const states = async (): Promise<Record<string, string>> => {
        const filters = encodeURIComponent(
          JSON.stringify({ label: [`com.docker.compose.project=${project}`] }),
        );
        const all = await ask<{ Names: string[]; State: string }[]>(
          engine,
          'GET',
          `/containers/json?all=1&filters=${filters}`,
        );
        return Object.fromEntries(all.map(({ Names, State }) => [Names[0]?.slice(1) ?? '', State] as const));
      };
      const everybody = (state: string): Record<string, string> =>
        Object.fromEntries(
          [named('api'), named('cache'), named('database'), named('web')]
            .concat([1, 2, 3].map((number) => named('worker', number)))
            .map((name) => [name, state] as const),
        );

      await said('up -d --scale worker=3');
      expect(await states()).toEqual(everybody('running'));
      const listed = await said('ps');
      for (const name of Object.keys(everybody(''))) expect(listed).toContain(name);
      expect(listed).toMatch(/\(healthy\)/);

      // A name of the service is that of all its containers, on its own networks only.
      const workers = await said('exec -T api nslookup -type=a worker');
      expect([...workers.matchAll(/^Address: \S+$/gm)]).toHaveLength(3);
      expect((await compose('exec -T web nslookup -type=a database')).code).toBe(1);

      expect((await web('/jobs/30')).greeting).toBe('hello');
      const finished = (count: number) => async (): Promise<boolean> => (await web('/')).api.jobs === count;
      expect(await eventually(finished(30), 60_000)).toBe(true);
      expect((await web('/')).api.workers.length).toBeGreaterThan(1);
      expect(await said('logs --no-color worker')).toContain('did job 29');
      expect((await compose('exec -T web ls /nosuch')).code).toBe(1);

      // What volumes hold outlives stop, start and other containers.
      await said('restart -t 5 worker');
      await said('stop -t 5');
      expect(await states()).toEqual(everybody('exited'));
      await said('start');
      expect(await eventually(finished(30), 60_000)).toBe(true);
      const before = await ask<{ Id: string }>(engine, 'GET', `/containers/${named('database')}/json`);
      await said('up -d --scale worker=3 --force-recreate', { GREETING: 'again' });
      const after = await ask<{ Id: string }>(engine, 'GET', `/containers/${named('database')}/json`);
      expect(after.Id).not.toBe(before.Id);
      expect(await states()).toEqual(everybody('running'));
      expect(await web('/')).toMatchObject({ greeting: 'again', api: { jobs: 30 } });

      // Nothing is made again for an application that has not changed; fewer of one service are the first ones.
      await said('up -d --scale worker=1', { GREETING: 'again' });
      const unchanged = await ask<{ Id: string }>(engine, 'GET', `/containers/${named('database')}/json`);
      expect(unchanged.Id).toBe(after.Id);
      expect(Object.keys(await states()).filter((name) => name.includes('worker'))).toEqual([
        named('worker'),
      ]);
      expect(await said('run --rm -T --no-deps worker ask http://database:8000/results')).toContain(
        '"jobs": 30',
      );

      await said('down -v -t 5');
      expect(await states()).toEqual({});
      const volumes = await ask<{ Volumes: unknown[] }>(engine, 'GET', '/volumes');
      expect(volumes.Volumes).toEqual([]);
      const networks = await ask<{ Name: string }[]>(engine, 'GET', '/networks');
      expect(networks.map(({ Name }) => Name).toSorted()).toEqual(['bridge', 'host', 'none']);
      expect(await findLeftovers(engine)).toEqual([]);
    },
    400_000,
  );
});
