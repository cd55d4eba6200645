import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, remove, start } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';

if (skipReason) console.log(`skipped: health checks: ${skipReason}`);

interface Health {
  Status: string;
  FailingStreak: number;
  Log: { Start: string; End: string; ExitCode: number; Output: string }[];
}
interface Inspected {
  State: { Status: string; ExitCode: number; Pid: number; StartedAt: string; Health?: Health };
  RestartCount: number;
  Config: { Healthcheck?: object };
}

const ms = 1_000_000;
const fast = { Interval: 50 * ms, Timeout: 2_000 * ms, Retries: 2 };

describe.skipIf(skipReason !== undefined)('health checks', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    // Of its own, so that other engines on the machine do not use up the default ranges.
    engine = await startEngine({ args: ['--bip', `10.77.${process.pid % 250}.1/24`] });
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
  });

  const look = (name: string): Promise<Inspected> => ask(engine, 'GET', `/containers/${name}/json`);
  const healthOf = async (name: string): Promise<string> => (await look(name)).State.Health?.Status ?? 'none';
  const becomes = async (name: string, status: string): Promise<void> => {
    if (await eventually(async () => (await healthOf(name)) === status, 30_000)) return;
    throw new Error(`${name} is not ${status}: ${JSON.stringify((await look(name)).State)}`);
  };
  const launch = async (
    name: string,
    check: object,
    more: { Cmd?: string[]; HostConfig?: object } = {},
  ): Promise<void> => {
    const body = { Image: 'busybox', Cmd: ['sleep', '1000'], ...more, Healthcheck: check };
    await ask(engine, 'POST', `/containers/create?name=${name}`, body);
    await start(engine, name);
  };
  const shell = (text: string, more: object = {}): object => ({
    Test: ['CMD-SHELL', text],
    ...fast,
    ...more,
  });
  const actions = async (name: string): Promise<string[]> => {
    const filters = encodeURIComponent(JSON.stringify({ container: [name], type: ['container'] }));
    const until = (Date.now() / 1000).toFixed(3);
    const events = await ask<{ Action: string }[]>(
      engine,
      'GET',
      `/events?since=1&until=${until}&filters=${filters}`,
    );
    return events.map(({ Action }) => Action);
  };

  test('starting, healthy, unhealthy and back, in inspect, ps, its filter and the events', async () => {
    await launch('web', shell('echo looked; test -e /ok', { Interval: 300 * ms }));
    expect((await engine.silo('ps', '--format', '{{.Status}}')).stdout).toMatch(
      /^Up .* \(health: starting\)\n$/,
    );
    expect((await look('web')).Config.Healthcheck).toEqual({
      Test: ['CMD-SHELL', 'echo looked; test -e /ok'],
      ...fast,
      Interval: 300 * ms,
    });
    await becomes('web', 'unhealthy');
    await engine.silo('exec', 'web', 'touch', '/ok');
    await becomes('web', 'healthy');
    const { Health } = (await look('web')).State;
    expect(Health?.FailingStreak).toBe(0);
    expect(Health?.Log.at(-1)).toMatchObject({ ExitCode: 0, Output: 'looked\n' });
    expect(Health?.Log.length).toBeLessThanOrEqual(5);
    expect((await engine.silo('ps', '--format', '{{.Status}}')).stdout).toMatch(/^Up .* \(healthy\)\n$/);
    const names = async (health: string) =>
      (await engine.silo('ps', '-a', '--filter', `health=${health}`, '--format', '{{.Names}}')).stdout;
    expect([await names('healthy'), await names('unhealthy'), await names('none')]).toEqual([
      'web\n',
      '',
      '',
    ]);
    const told = await actions('web');
    expect(told.filter((action) => action.startsWith('health_status'))).toEqual([
      'health_status: unhealthy',
      'health_status: healthy',
    ]);
    const words = '/bin/sh -c echo looked; test -e /ok';
    for (const action of [`exec_create: ${words}`, `exec_start: ${words}`, 'exec_die'])
      expect(told).toContain(action);
  });

  test('a check that takes too long is killed with what it started, and says so', async () => {
    await launch('slow', shell('echo begun; sleep 987 & sleep 987', { Timeout: 200 * ms, Retries: 1 }));
    await becomes('slow', 'unhealthy');
    await ask(engine, 'POST', '/containers/slow/pause');
    const { Log } = (await look('slow')).State.Health ?? { Log: [] };
    expect(Log[0]).toMatchObject({ ExitCode: -1, Output: 'Health check exceeded timeout (200ms): begun\n' });
    // At most the one that the pause caught.
    const { Processes } = await ask<{ Processes: string[][] }>(engine, 'GET', '/containers/slow/top');
    expect(Processes.filter((columns) => columns.join(' ').includes('sleep 987')).length).toBeLessThan(3);
    await ask(engine, 'POST', '/containers/slow/unpause');
  });

  test('a program that is not there is a failed check with the reason', async () => {
    await launch('absent', { Test: ['CMD', '/no/such'], ...fast });
    await becomes('absent', 'unhealthy');
    const last = (await look('absent')).State.Health?.Log.at(-1);
    expect(last?.ExitCode).toBe(-1);
    expect(last?.Output).toContain('no such file or directory');
  });

  test('endless output is kept up to 4 KiB', async () => {
    await launch('loud', shell('yes | head -c 300000'));
    await becomes('loud', 'healthy');
    expect((await look('loud')).State.Health?.Log[0]?.Output.length).toBe(4096 + 3);
  });

  test('the start interval holds in the start period, whose failures do not count', async () => {
    await launch(
      'booting',
      shell('test -e /ok', { Interval: 3_600_000 * ms, StartInterval: 50 * ms, StartPeriod: 600_000 * ms }),
    );
    await eventually(async () => ((await look('booting')).State.Health?.Log.length ?? 0) > 3);
    expect((await look('booting')).State.Health).toMatchObject({ Status: 'starting', FailingStreak: 0 });
    await engine.silo('exec', 'booting', 'touch', '/ok');
    await becomes('booting', 'healthy');
  });

  test('checks rest while paused and end with the container', async () => {
    await launch('paused', shell('true'));
    await becomes('paused', 'healthy');
    await ask(engine, 'POST', '/containers/paused/pause');
    const creations = async () => (await actions('paused')).filter((a) => a.startsWith('exec_create')).length;
    const before = await creations();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await creations()).toBe(before);
    await ask(engine, 'POST', '/containers/paused/unpause');
    await eventually(async () => (await creations()) > before);
    expect(await creations()).toBeGreaterThan(before);
    await ask(engine, 'POST', '/containers/paused/stop?t=0');
    expect((await look('paused')).State.Health?.Status).toBe('unhealthy');
    await start(engine, 'paused');
    await becomes('paused', 'healthy');
  });

  test('checks go on after the death of the engine, and their state is kept', async () => {
    await launch('kept', shell('test ! -e /bad'));
    await becomes('kept', 'healthy');
    await engine.kill();
    await engine.start();
    expect(await healthOf('kept')).toBe('healthy');
    await engine.silo('exec', 'kept', 'touch', '/bad');
    await becomes('kept', 'unhealthy');
  });

  test('NONE and --no-healthcheck switch off, and what makes no sense is refused', async () => {
    await launch('off', { Test: ['NONE'] });
    expect((await look('off')).State.Health).toBeUndefined();
    const refused = await engine.api('POST', '/containers/create', {
      Image: 'busybox',
      Cmd: ['true'],
      Healthcheck: { Test: ['CMD', 'true'], Interval: 5 },
    });
    expect(refused).toMatchObject({ status: 400 });
    expect(refused.text).toContain('Interval in Healthcheck cannot be less than 1ms');
    const action = await engine.silo('create', '--health-on-failure', 'kill', 'busybox', 'true');
    expect(action.stderr).toContain('needs a health check');
  });

  test('the image’s check runs, and what the request says of it wins', async () => {
    const change = 'HEALTHCHECK --interval=60ms --retries=1000 CMD test -e /ok';
    const folder = join(engine.directory, 'image');
    mkdirSync(join(folder, 'bin'), { recursive: true });
    copyFileSync('/bin/busybox', join(folder, 'bin/busybox'));
    for (const name of ['sh', 'test', 'sleep']) symlinkSync('busybox', join(folder, 'bin', name));
    await run(['tar', '-C', folder, '-cf', join(engine.directory, 'image.tar'), '.']);
    const imported = await engine.silo(
      'import',
      '--change',
      change,
      join(engine.directory, 'image.tar'),
      'checked',
    );
    expect(imported.stderr).toBe('');
    const sleeping = ['checked', 'sleep', '1000'];
    await engine.silo('run', '-d', '--name', 'asis', ...sleeping);
    await engine.silo('run', '-d', '--name', 'changed', '--health-retries', '1', ...sleeping);
    await engine.silo('run', '-d', '--name', 'without', '--no-healthcheck', ...sleeping);
    await becomes('changed', 'unhealthy');
    expect(await healthOf('without')).toBe('none');
    expect(await healthOf('asis')).toBe('starting');
    expect((await look('changed')).Config.Healthcheck).toEqual({
      Test: ['CMD-SHELL', 'test -e /ok'],
      Interval: 60 * ms,
      Retries: 1,
    });
  });

  test('on failure kill: the policy decides; stop: it stays; restart: it begins anew', async () => {
    const failing = shell('test -e /ok', { Retries: 1 });
    const on = (action: string, more: object = {}) => ({
      HostConfig: { Annotations: { 'silo.health-on-failure': action }, ...more },
    });
    const patient = { Cmd: ['sh', '-c', 'trap "exit 4" TERM; while :; do sleep 0.02; done'] };
    await launch('killed', failing, on('kill'));
    await launch('stopped', failing, { ...patient, ...on('stop', { RestartPolicy: { Name: 'always' } }) });
    await launch('again', failing, { ...patient, ...on('restart') });
    await eventually(async () => (await look('killed')).State.Status === 'exited');
    expect((await look('killed')).State).toMatchObject({ Status: 'exited', ExitCode: 137 });
    await eventually(async () => (await look('stopped')).State.Status === 'exited');
    expect((await look('stopped')).State).toMatchObject({ Status: 'exited', ExitCode: 4 });
    await eventually(async () => (await look('again')).RestartCount >= 2, 30_000);
    expect((await look('again')).RestartCount).toBeGreaterThanOrEqual(2);
    await ask(engine, 'POST', '/containers/again/stop?t=0');
    expect((await look('again')).State.Status).toBe('exited');
  });

  test('a restart that unhealth asked for survives the death of the engine', async () => {
    await launch('slowly', shell('test -e /ok', { Interval: 500 * ms, Retries: 1 }), {
      Cmd: ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'],
      HostConfig: { Annotations: { 'silo.health-on-failure': 'restart' } },
    });
    await becomes('slowly', 'unhealthy');
    const { Pid } = (await look('slowly')).State;
    expect(Pid).toBeGreaterThan(1);
    await engine.kill();
    process.kill(Pid, 'SIGKILL');
    await engine.start();
    await eventually(
      async () =>
        (await look('slowly')).State.Status === 'running' && (await look('slowly')).RestartCount > 0,
    );
    expect((await look('slowly')).RestartCount).toBeGreaterThan(0);
  });
});
