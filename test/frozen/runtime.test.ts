import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { eventually, processesOf } from '../e2e/footprint.ts';
import { ask, create, inspect, launch, remove, start, wait } from '../e2e/objects.ts';
import { type FrozenWorld, hasFuse, lifeOfAnother, openFrozenWorld, watched } from './frozen-world.ts';

if (skipReason) console.log(`skipped: what hangs: ${skipReason}`);
if (!hasFuse) console.log('skipped: file systems that do not answer: there is no /dev/fuse');

setDefaultTimeout(60_000);

describe.skipIf(skipReason !== undefined)('while something hangs, others live', () => {
  let world: FrozenWorld;
  beforeAll(async () => void (world = await openFrozenWorld()));
  afterAll(() => world[Symbol.asyncDispose]());
  afterEach(async () => {
    world.relieve();
    const left = await ask<{ Id: string }[]>(world.engine, 'GET', '/containers/json?all=1');
    for (const { Id } of left) await remove(world.engine, Id);
    expect(await findLeftovers(world.engine)).toEqual([]);
  });

  const stuck = { Cmd: ['sleep', '600'], HostConfig: { Runtime: 'stuck' } };

  test.each(['sleeps', 'stopped'] as const)('a runtime that %s at create', async (how) => {
    const { engine } = world;
    await create(engine, 'victim', stuck);
    const hung = world.hang('create', how);
    const starting = watched(engine.api('POST', '/containers/victim/start'));
    // Behind it on the container's lock.
    const killing = watched(engine.api('POST', '/containers/victim/kill'));
    await lifeOfAnother(engine);
    expect((await inspect(engine, 'victim')).State.Status).toBe('created');
    expect(starting.isOver()).toBe(false);
    const { status, text } = await starting.answer;
    expect([status, text]).toEqual([504, expect.stringContaining('did not finish within')]);
    expect((await killing.answer).status).toBe(409);
    hung[Symbol.dispose]();
    expect(await findLeftovers(engine)).toEqual([]);
    await start(engine, 'victim');
    await remove(engine, 'victim');
  });

  test('a runtime that sleeps at start', async () => {
    const { engine } = world;
    await create(engine, 'victim', stuck);
    const hung = world.hang('start', 'sleeps');
    const starting = watched(engine.api('POST', '/containers/victim/start'));
    await lifeOfAnother(engine);
    expect(starting.isOver()).toBe(false);
    const { status, text } = await starting.answer;
    expect([status, text]).toEqual([504, expect.stringContaining('did not finish within')]);
    hung[Symbol.dispose]();
    expect(await findLeftovers(engine)).toEqual([]);
    await start(engine, 'victim');
    await remove(engine, 'victim');
  });

  test.each(['pause', 'exec', 'update'] as const)('a runtime that sleeps at %s', async (verb) => {
    const { engine } = world;
    await launch(engine, 'victim', stuck);
    const { Id } = await ask<{ Id: string }>(engine, 'POST', '/containers/victim/exec', { Cmd: ['true'] });
    const hung = world.hang(verb, 'sleeps');
    const requests = {
      pause: () => engine.api('POST', '/containers/victim/pause'),
      exec: () => engine.api('POST', `/exec/${Id}/start`, { Detach: true }),
      update: () => engine.api('POST', '/containers/victim/update', { PidsLimit: 20 }),
    };
    const asked = watched(requests[verb]());
    await lifeOfAnother(engine);
    // Limits are written without the runtime.
    if (verb !== 'update') expect(asked.isOver()).toBe(false);
    const { status, text } = await asked.answer;
    if (verb !== 'update')
      expect([status, text]).toEqual([504, expect.stringContaining('did not finish within')]);
    hung[Symbol.dispose]();
    expect((await inspect(engine, 'victim')).State.Status).toBe('running');
    await remove(engine, 'victim');
  });

  test('a crowd whose runtime hangs', async () => {
    const { engine } = world;
    const names = Array.from({ length: 12 }, (_, place) => `victim-${place}`);
    for (const name of names) await create(engine, name, stuck);
    const hung = world.hang('create', 'sleeps');
    const starting = watched(
      Promise.all(names.map((name) => engine.api('POST', `/containers/${name}/start`))),
    );
    await lifeOfAnother(engine);
    expect(starting.isOver()).toBe(false);
    for (const { status } of await starting.answer) expect(status).toBe(504);
    hung[Symbol.dispose]();
    for (const name of names) await remove(engine, name);
  });

  test('a stopped monitor: what is killed ends, with its code, and can be removed', async () => {
    const { engine } = world;
    const id = await launch(engine, 'victim', { Cmd: ['sleep', '600'] });
    const monitor = processesOf(engine.footprint).find(({ words }) => words.includes(`--cid=${id}`));
    process.kill(monitor?.pid ?? 0, 'SIGSTOP');
    const exec = await ask<{ Id: string }>(engine, 'POST', '/containers/victim/exec', { Cmd: ['true'] });
    // It has a monitor of its own.
    expect((await engine.api('POST', `/exec/${exec.Id}/start`, { Detach: true })).status).toBe(200);
    const stopping = watched(engine.api('POST', '/containers/victim/stop?signal=KILL'));
    await lifeOfAnother(engine);
    expect((await stopping.answer).status).toBe(204);
    expect(await wait(engine, 'victim')).toBe(137);
    await remove(engine, 'victim');
  });

  test('a program that ended behind a stopped monitor can be removed by force', async () => {
    const { engine } = world;
    const id = await launch(engine, 'victim', { Cmd: ['sleep', '600'] });
    const { State } = await inspect(engine, 'victim');
    const monitor = processesOf(engine.footprint).find(({ words }) => words.includes(`--cid=${id}`));
    process.kill(monitor?.pid ?? 0, 'SIGSTOP');
    process.kill(State.Pid, 'SIGKILL');
    await lifeOfAnother(engine);
    await remove(engine, 'victim');
  });

  test.skipIf(!hasFuse)('bind mounts of a file system that does not answer', async () => {
    const { engine } = world;
    const folder = world.stuckFolder();
    const body = (source: string): Parameters<typeof create>[2] => ({
      Cmd: ['true'],
      HostConfig: { Mounts: [{ Type: 'bind', Source: source, Target: '/data' }] },
    });
    // More than there are threads for files.
    const crowd = Array.from({ length: 24 }, (_, place) =>
      engine.api('POST', `/containers/create?name=victim-${place}`, {
        Image: 'busybox',
        ...body(folder.path),
      }),
    );
    const asked = watched(Promise.all(crowd));
    await lifeOfAnother(engine);
    // A source that answers is not held up by one that does not.
    await launch(engine, 'bound', body(engine.directory));
    expect(await wait(engine, 'bound')).toBe(0);
    await remove(engine, 'bound');
    expect(asked.isOver()).toBe(false);
    for (const { status, text } of await asked.answer)
      expect([status, text]).toEqual([504, expect.stringContaining('did not finish within')]);
  });

  test.skipIf(!hasFuse)('a container whose volume stopped answering', async () => {
    const { engine } = world;
    await create(engine, 'victim', {
      Cmd: ['sleep', '600'],
      HostConfig: { Binds: [`${engine.directory}/stuck-files:/data`] },
    });
    const folder = world.stuckFolder();
    const starting = watched(engine.api('POST', '/containers/victim/start'));
    const copying = watched(engine.api('GET', '/containers/victim/archive?path=/data/'));
    await lifeOfAnother(engine);
    expect(starting.isOver()).toBe(false);
    expect((await starting.answer).status).toBe(504);
    folder[Symbol.dispose]();
    await copying.answer.catch(() => undefined);
    await eventually(async () => (await engine.api('DELETE', '/containers/victim?force=1')).status !== 409);
  });

  test.skipIf(!hasFuse)(
    'a container with a part of a volume whose file system stopped answering',
    async () => {
      const { engine } = world;
      const volume = await ask<{ Mountpoint: string }>(engine, 'POST', '/volumes/create', { Name: 'partly' });
      await create(engine, 'victim', {
        Cmd: ['true'],
        HostConfig: {
          Mounts: [{ Type: 'volume', Source: 'partly', Target: '/data', VolumeOptions: { Subpath: 'a/b' } }],
        },
      });
      const folder = world.stuckFolder(volume.Mountpoint);
      const starting = watched(engine.api('POST', '/containers/victim/start'));
      await lifeOfAnother(engine);
      expect(starting.isOver()).toBe(false);
      expect((await starting.answer).status).toBe(504);
      folder[Symbol.dispose]();
      await remove(engine, 'victim');
      await ask(engine, 'DELETE', '/volumes/partly');
    },
  );
});
