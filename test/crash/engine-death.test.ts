import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { eventually, processesOf } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import {
  ask,
  bootstrapBusybox,
  exists,
  inspect,
  launch,
  logs,
  publishedAt,
  remove,
  wait,
} from '../e2e/objects.ts';
import { rawRequest, upgrade } from '../e2e/raw-request.ts';
import { findLeftovers } from './whole.ts';
import { skipReason } from './world.ts';

if (skipReason) console.log(`skipped: deaths of the engine: ${skipReason}`);

describe.skipIf(skipReason !== undefined)('when the engine is killed', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    // A test that failed may have left none.
    if (!(await engine.api('GET', '/_ping').catch(() => undefined))) await engine.start();
    const all = await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1');
    for (const { Id } of all) await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });

  test('a container that goes on writing loses no line, and its exit code is there at once', async () => {
    const lines = 30_000;
    const counting = `i=0; while [ $i -lt ${lines} ]; do echo line $i; i=$((i+1)); done; exit 7`;
    await launch(engine, 'writer', { Cmd: ['sh', '-c', counting] });
    await eventually(async () => (await logs(engine, 'writer')).length > 0);
    await engine.kill();
    await engine.start();
    expect(await wait(engine, 'writer')).toBe(7);
    const expected = Array.from({ length: lines }, (_, place) => `line ${place}\n`).join('');
    expect((await logs(engine, 'writer')) === expected).toBe(true);
  });

  test('a container that ended meanwhile has its code, its output and its die event', async () => {
    const id = await launch(engine, 'ending', {
      Cmd: ['sh', '-c', 'trap "echo last words; exit 9" TERM; echo ready; while :; do sleep 0.02; done'],
    });
    await eventually(async () => (await logs(engine, 'ending')) === 'ready\n');
    const { State } = await inspect(engine, 'ending');
    await engine.kill();
    const killedAt = Date.now();
    process.kill(State.Pid, 'SIGTERM');
    await ended(engine, id);
    await engine.start();
    expect(await wait(engine, 'ending')).toBe(9);
    expect(await logs(engine, 'ending')).toBe('ready\nlast words\n');
    expect((await inspect(engine, 'ending')).State).toMatchObject({
      Status: 'exited',
      ExitCode: 9,
      Pid: 0,
    });
    const since = Math.floor(killedAt / 1000);
    const events = await ask(engine, 'GET', `/events?since=${since}&until=${Math.ceil(Date.now() / 1000)}`);
    const died = [events].flat().filter((event) => {
      const { Action, id: whose } = event as { Action?: string; id?: string };
      return Action === 'die' && whose === id;
    });
    expect(died).toMatchObject([{ id, Actor: { Attributes: { exitCode: '9', name: 'ending' } } }]);
  });

  test('a container with --rm that ended meanwhile is removed, with its anonymous volume', async () => {
    const id = await launch(engine, 'brief', {
      Cmd: ['sleep', '600'],
      Volumes: { '/scratch': {} },
      HostConfig: { AutoRemove: true },
    });
    const { State } = await inspect(engine, 'brief');
    await engine.kill();
    process.kill(State.Pid, 'SIGKILL');
    await ended(engine, id);
    await engine.start();
    expect(await exists(engine, '/containers/brief/json')).toBe(false);
  });

  test('restart policies are kept afterwards', async () => {
    const policies = { always: 'always', unlessStopped: 'unless-stopped', onFailure: 'on-failure', no: 'no' };
    for (const [name, policy] of Object.entries(policies))
      await launch(engine, name, {
        Cmd: ['sleep', '600'],
        HostConfig: { RestartPolicy: { Name: policy } },
      });
    await launch(engine, 'stopped', {
      Cmd: ['sleep', '600'],
      HostConfig: { RestartPolicy: { Name: 'unless-stopped' } },
    });
    await ask(engine, 'POST', '/containers/stopped/stop?signal=KILL');
    await launch(engine, 'untouched', {
      Cmd: ['sleep', '600'],
      HostConfig: { RestartPolicy: { Name: 'always' } },
    });
    const untouched = (await inspect(engine, 'untouched')).State.Pid;
    const victims = await Promise.all(Object.keys(policies).map((name) => inspect(engine, name)));
    await engine.kill();
    for (const { State } of victims) process.kill(State.Pid, 'SIGKILL');
    for (const { Id } of victims) await ended(engine, Id);
    await engine.start();
    const running = async (name: string): Promise<boolean> => (await inspect(engine, name)).State.Running;
    for (const name of ['always', 'unlessStopped', 'onFailure'])
      expect([name, await eventually(() => running(name))]).toEqual([name, true]);
    expect(await running('no')).toBe(false);
    expect(await running('stopped')).toBe(false);
    expect((await inspect(engine, 'untouched')).State.Pid).toBe(untouched);
    expect((await inspect(engine, 'untouched')).RestartCount).toBe(0);
  });

  for (const point of ['container.exit.recorded', 'runtime.delete.stopped'])
    test(`at ${point}, one that its user stopped stays stopped, and died once`, async () => {
      const HostConfig = { RestartPolicy: { Name: 'unless-stopped' } };
      const id = await launch(engine, 'halted', { Cmd: ['sleep', '600'], HostConfig });
      const since = Math.floor(Date.now() / 1000);
      await engine.kill();
      await engine.start({ fault: `${point}:1` });
      const stopped = engine.api('POST', '/containers/halted/stop?signal=KILL').catch(() => undefined);
      expect(await engine.died()).toBe('SIGKILL');
      await stopped;
      await engine.start();
      // Whoever is to begin anew with the engine has the state of a run, or waits for one.
      expect(await wait(engine, 'halted')).toBe(137);
      expect((await inspect(engine, 'halted')).State).toMatchObject({ Status: 'exited', ExitCode: 137 });
      expect((await inspect(engine, 'halted')).RestartCount).toBe(0);
      const path = `/events?since=${since}&until=${Math.ceil(Date.now() / 1000)}`;
      const told = [await ask(engine, 'GET', path)].flat() as { Action?: string; id?: string }[];
      const deaths = told.filter(({ Action, id: whose }) => Action === 'die' && whose === id);
      // On a slow disk the cleaning is done before the end is told.
      expect(deaths.length).toBeLessThanOrEqual(1);
      if (point === 'runtime.delete.stopped') expect(deaths).toHaveLength(1);
    });

  test('an attached client is let go, the container is not, and another client can attach', async () => {
    await launch(engine, 'talker', { Cmd: ['cat'], OpenStdin: true, Tty: true });
    const attach = (): ReturnType<typeof rawRequest> =>
      rawRequest(engine.socket, {
        method: 'POST',
        path: '/containers/talker/attach?stream=1&stdin=1&stdout=1',
        headers: upgrade,
      });
    using first = attach();
    await first.until('\r\n\r\n');
    first.socket.write('before\n');
    await first.until('before\r\nbefore\r\n');
    const { Pid } = (await inspect(engine, 'talker')).State;
    await engine.kill();
    await first.closed;
    await engine.start();
    expect((await inspect(engine, 'talker')).State.Pid).toBe(Pid);
    using second = attach();
    await second.until('\r\n\r\n');
    second.socket.write('after\n');
    await second.until('after\r\nafter\r\n');
  });

  test('a published port goes on to answer while there is no engine, and its number is not given away', async () => {
    const serving = 'mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www';
    const HostConfig = { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } };
    await launch(engine, 'server', { Cmd: ['sh', '-c', serving], HostConfig });
    const address = await publishedAt(engine, 'server', '80/tcp');
    const page = (): Promise<string> =>
      fetch(`http://${address}/`, { signal: AbortSignal.timeout(5_000) }).then(
        (response) => response.text(),
        (error: unknown) => String(error),
      );
    expect(await eventually(async () => (await page()) === 'page\n')).toBe(true);
    await engine.kill();
    expect(await page()).toBe('page\n');
    await engine.start();
    expect(await page()).toBe('page\n');
    const taken = await engine.api('POST', '/containers/create?name=rival', {
      Image: 'busybox',
      Cmd: ['true'],
      HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: address.split(':')[1] }] } },
    });
    expect(taken.status).toBe(201);
    const refused = await engine.api('POST', '/containers/rival/start');
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.text).toContain('port is already allocated');
  });

  test('a process that exec started goes on', async () => {
    await launch(engine, 'host', { Cmd: ['sleep', '600'] });
    const { Id } = await ask<{ Id: string }>(engine, 'POST', '/containers/host/exec', {
      Cmd: ['sh', '-c', 'sleep 0.5; echo lasting > /proof'],
    });
    await ask(engine, 'POST', `/exec/${Id}/start`, { Detach: true });
    await engine.kill();
    await engine.start();
    const { State } = await inspect(engine, 'host');
    const proof = `/proc/${State.Pid}/root/proof`;
    expect(await eventually(() => read(proof) === 'lasting\n')).toBe(true);
  });

  test('an orderly end leaves containers running too', async () => {
    await launch(engine, 'steady', { Cmd: ['sleep', '600'] });
    const { Pid } = (await inspect(engine, 'steady')).State;
    await engine.stop();
    expect(await engine.died()).toBe('exit code 0');
    await engine.start();
    expect((await inspect(engine, 'steady')).State.Pid).toBe(Pid);
  });
});

/** While the engine is dead: the monitor has written the end down and is gone. */
async function ended(engine: TestEngine, id: string): Promise<void> {
  const isGone = await eventually(
    () => !processesOf(engine.footprint).some(({ words }) => words.includes(`--cid=${id}`)),
  );
  expect(isGone).toBe(true);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
