import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, create, inspect, launch, logs, remove } from '../e2e/objects.ts';
import { run } from '../e2e/run.ts';

if (skipReason) console.log(`skipped: restart policies: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('restart policies', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine({ args: ['--bip', `10.75.${process.pid % 250}.1/24`] });
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
  });

  const policy = (name: string, MaximumRetryCount = 0) => ({
    RestartPolicy: { Name: name, MaximumRetryCount },
  });
  const box = (name: string, restart: string, script: string, more: object = {}): Promise<string> =>
    launch(engine, name, { Cmd: ['sh', '-c', script], HostConfig: { ...policy(restart), ...more } });
  const forever = 'while :; do sleep 0.05; done';
  const polite = `trap "exit 0" TERM INT; trap "exit 3" HUP; echo ready; ${forever}`;
  const status = async (name: string): Promise<string> => (await inspect(engine, name)).State.Status;
  const comesTo = async (name: string, wanted: string): Promise<void> => {
    if (await eventually(async () => (await status(name)) === wanted, 30_000)) return;
    throw new Error(`${name} is ${JSON.stringify((await inspect(engine, name)).State)}, not ${wanted}`);
  };
  const restartsOf = async (name: string): Promise<number> => (await inspect(engine, name)).RestartCount;
  const post = (name: string, verb: string) => engine.api('POST', `/containers/${name}/${verb}`);
  const ready = (name: string): Promise<boolean> =>
    eventually(async () => (await logs(engine, name)).includes('ready'));
  /** Waits until the back-off is long enough to act in. */
  const untilWaiting = async (name: string): Promise<void> => {
    await eventually(async () => (await restartsOf(name)) >= 3, 30_000);
    await comesTo(name, 'restarting');
  };

  test('on-failure counts, ends with the count, and a start by hand counts anew', async () => {
    await launch(engine, 'few', { Cmd: ['sh', '-c', 'exit 4'], HostConfig: policy('on-failure', 2) });
    await comesTo('few', 'exited');
    expect(await inspect(engine, 'few')).toMatchObject({ RestartCount: 2, State: { ExitCode: 4 } });
    await post('few', 'start');
    await eventually(async () => (await restartsOf('few')) < 2);
    await comesTo('few', 'exited');
    expect(await restartsOf('few')).toBe(2);
    await engine.kill();
    await engine.start();
    expect(await inspect(engine, 'few')).toMatchObject({ RestartCount: 2, State: { Status: 'exited' } });
  });

  test('whoever kills or interrupts it wants it to end; who sends another signal does not', async () => {
    for (const [name, signal] of [
      ['killed', 'KILL'],
      ['termed', 'TERM'],
      ['broken', 'INT'],
    ] as const) {
      await box(name, 'always', polite);
      await ready(name);
      await post(name, `kill?signal=${signal}`);
      await comesTo(name, 'exited');
      expect(await restartsOf(name)).toBe(0);
    }
    await box('reloaded', 'always', polite);
    await ready('reloaded');
    await post('reloaded', 'kill?signal=HUP');
    await eventually(async () => (await restartsOf('reloaded')) === 1);
    expect(await restartsOf('reloaded')).toBe(1);
  });

  test('stop, kill and rm -f while the back-off waits; start is not modified, restart is at once', async () => {
    for (const name of ['one', 'two', 'three', 'four']) await box(name, 'always', 'exit 1');
    await untilWaiting('one');
    expect((await post('one', 'start')).status).toBe(304);
    expect((await post('one', 'stop')).status).toBe(204);
    expect(await status('one')).toBe('exited');
    await untilWaiting('two');
    expect((await post('two', 'kill')).status).toBe(204);
    expect(await status('two')).toBe('exited');
    await untilWaiting('three');
    expect((await engine.api('DELETE', '/containers/three')).status).toBe(409);
    expect((await engine.api('DELETE', '/containers/three?force=1')).status).toBe(204);
    await untilWaiting('four');
    expect((await post('four', 'restart')).status).toBe(204);
    expect(await restartsOf('four')).toBeLessThan(3);
  });

  test('stop meets the attempt that is being made: it ends too', async () => {
    await box('racing', 'always', 'exit 1');
    for (let round = 0; round < 5; round++) {
      await eventually(async () => (await restartsOf('racing')) > 0);
      const stopped = await post('racing', 'stop?t=0');
      expect([204, 304]).toContain(stopped.status);
      expect(await status('racing')).toBe('exited');
      await post('racing', 'start');
    }
  });

  test('update --restart is for the next end', async () => {
    await box('fickle', 'always', 'exit 1');
    await untilWaiting('fickle');
    expect((await engine.silo('update', '--restart', 'no', 'fickle')).code).toBe(0);
    await comesTo('fickle', 'exited');
  });

  test('an attempt that cannot start is made again until it can', async () => {
    const source = join(engine.directory, 'comes-and-goes');
    mkdirSync(source);
    await box('patient', 'unless-stopped', 'test -e /mnt/go && exec sleep 1000; sleep 0.2; exit 1', {
      Mounts: [{ Type: 'bind', Source: source, Target: '/mnt' }],
    });
    rmSync(source, { recursive: true });
    await eventually(async () => (await inspect(engine, 'patient')).State.Error !== '', 30_000);
    const failed = await inspect(engine, 'patient');
    expect(failed.State).toMatchObject({
      Status: 'restarting',
      Error: expect.stringContaining('comes-and-goes'),
    });
    mkdirSync(join(source, 'go'), { recursive: true });
    await comesTo('patient', 'running');
    expect((await inspect(engine, 'patient')).State.Error).toBe('');
  });

  test('restart keeps a container that goes with its end', async () => {
    await launch(engine, 'fleeting', { Cmd: ['sleep', '1000'], HostConfig: { AutoRemove: true } });
    expect((await post('fleeting', 'restart?t=0')).status).toBe(204);
    expect(await status('fleeting')).toBe('running');
    expect((await post('fleeting', 'stop?t=0')).status).toBe(204);
    await eventually(async () => (await engine.api('GET', '/containers/fleeting/json')).status === 404);
    expect((await engine.api('GET', '/containers/fleeting/json')).status).toBe(404);
  });

  test('a paused container is not started, and a signal to end thaws it', async () => {
    await box('cold', 'no', polite);
    await ready('cold');
    await post('cold', 'pause');
    const started = await post('cold', 'start');
    expect([started.status, started.text]).toEqual([
      409,
      expect.stringContaining('cannot start a paused container, try unpause instead'),
    ]);
    await post('cold', 'kill?signal=USR1');
    expect(await status('cold')).toBe('paused');
    await post('cold', 'stop?t=5');
    expect((await inspect(engine, 'cold')).State).toMatchObject({ Status: 'exited', ExitCode: 0 });
  });

  test('--rm and a restart policy exclude each other', async () => {
    const both = await engine.api('POST', '/containers/create', {
      Image: 'busybox',
      HostConfig: { AutoRemove: true, ...policy('always') },
    });
    expect([both.status, both.text]).toEqual([400, expect.stringContaining(`can't create 'AutoRemove'`)]);
  });

  test('a start of the engine: who was stopped stays so, but not with always; a stop under way stays a stop', async () => {
    await box('always', 'always', polite);
    await box('unless', 'unless-stopped', polite);
    await box('frozen', 'always', polite);
    await box('dying', 'unless-stopped', `trap "echo heard" TERM; echo ready; ${forever}`);
    for (const name of ['always', 'unless']) await ready(name);
    await post('always', 'stop?t=5');
    await post('unless', 'stop?t=5');
    await post('frozen', 'pause');
    await ready('dying');
    const stopping = post('dying', 'stop?t=100').catch(() => undefined);
    // The signal has been heard, so the wish is recorded.
    await eventually(async () => (await logs(engine, 'dying')).includes('heard'));
    const { Pid } = (await inspect(engine, 'dying')).State;
    expect(Pid).toBeGreaterThan(1);
    await engine.kill();
    await stopping;
    process.kill(Pid, 'SIGKILL');
    await engine.start();
    await comesTo('always', 'running');
    await comesTo('dying', 'exited');
    expect([await status('unless'), await status('frozen'), await restartsOf('dying')]).toEqual([
      'exited',
      'paused',
      0,
    ]);
    expect((await post('frozen', 'unpause')).status).toBe(204);
    expect(await status('frozen')).toBe('running');
  });

  test('a start of the machine starts what policies want', async () => {
    await box('back', 'unless-stopped', polite);
    await box('failed', 'on-failure', polite);
    await box('gone', 'no', polite);
    await create(engine, 'never', { Cmd: ['true'], HostConfig: policy('always') });
    await engine.kill();
    await endOfTheWorld(engine);
    await engine.start();
    await comesTo('back', 'running');
    await comesTo('failed', 'running');
    expect(await inspect(engine, 'gone')).toMatchObject({ State: { Status: 'exited', ExitCode: 255 } });
    expect(await status('never')).toBe('created');
  });
});

/** What a reboot leaves of an engine: the data root. */
async function endOfTheWorld({ directory }: TestEngine): Promise<void> {
  const runtime = join(directory, 'exec/runtime');
  const ids = readdirSync(runtime).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const monitors = ids.map((id) => {
    const { pid } = JSON.parse(readFileSync(join(runtime, id, 'monitor.json'), 'utf8')) as { pid: number };
    return pid;
  });
  const programs = ids.map((id) => Number(readFileSync(join(runtime, id, 'pidfile'), 'utf8')));
  for (const pid of [...monitors, ...programs]) process.kill(pid, 'SIGKILL');
  for (const id of readdirSync(join(directory, 'exec/rootfs')))
    await run(['umount', '-l', join(directory, 'exec/rootfs', id, 'merged')]);
  rmSync(join(directory, 'exec'), { recursive: true, force: true });
}
