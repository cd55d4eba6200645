import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { findLeftovers, storeContents } from '../crash/whole.ts';
import { imageOf, layerOf } from '../images/samples.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { startEngine, type TestEngine } from './harness.ts';
import {
  ask,
  bootstrapBusybox,
  create,
  exists,
  inspect,
  launch,
  logs,
  remove,
  start,
  wait,
} from './objects.ts';
import { eventually } from './footprint.ts';
import { run } from './run.ts';

if (skipReason) console.log(`skipped: full disk: ${skipReason}`);

/** A data root on a small file system of its own. */
describe.skipIf(skipReason !== undefined)('when the disk is full', () => {
  const disk = mkdtempSync(join(tmpdir(), 'silo-disk-'));
  const resources = new AsyncDisposableStack();
  let engine: TestEngine;
  let registry: HostileRegistry;
  beforeAll(async () => {
    resources.defer(() => rmSync(disk, { recursive: true }));
    const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=24m', 'silo-full', disk]);
    expect(mounted.stderr).toBe('');
    resources.defer(() => run(['umount', '-l', disk]).then(() => undefined));
    registry = resources.use(await startHostileRegistry());
    engine = resources.use(await startEngine({ dataRoot: join(disk, 'data') }));
    await bootstrapBusybox(engine);
  });
  afterAll(() => resources.disposeAsync());
  const fill = (): Promise<unknown> =>
    run(['dd', 'if=/dev/zero', `of=${join(disk, 'fill')}`, 'bs=4k', 'oflag=append', 'conv=notrunc']);
  const free = (): void => rmSync(join(disk, 'fill'), { force: true });

  test('a pull says so, leaves nothing, and smaller images still come', async () => {
    const noise = (): { bytes: Buffer; diffId: string } => layerOf({ noise: randomBytes(9_000_000) });
    registry.add('large', '1', imageOf([noise(), noise()]));
    registry.add('small', '1', imageOf([layerOf({ a: 'a' })]));
    const pull = (name: string): Promise<{ text: string }> =>
      engine.api('POST', `/images/create?fromImage=${encodeURIComponent(`${registry.host}/${name}`)}&tag=1`);
    const before = storeContents(engine);
    expect((await pull('large')).text).toMatch(/"errorDetail".*(no space left|shrank)/);
    expect(await exists(engine, `/images/${registry.host}/large:1/json`)).toBe(false);
    expect(storeContents(engine)).toEqual(before);
    expect(await findLeftovers(engine)).toEqual([]);
    expect((await pull('small')).text).toContain('Downloaded newer image');
    await ask(engine, 'DELETE', `/images/${registry.host}/small:1`);
  });

  test('a commit says so, leaves nothing, and the container is not frozen', async () => {
    const script = 'dd if=/dev/urandom of=/noise bs=1M count=7; echo written; exec sleep 600';
    await create(engine, 'noisy', { Cmd: ['sh', '-c', script] });
    await start(engine, 'noisy');
    await eventually(async () => (await logs(engine, 'noisy')).includes('written'));
    const before = storeContents(engine);
    const refused = await engine.api('POST', '/commit?container=noisy&repo=noisy');
    expect([refused.status, refused.text]).toEqual([
      500,
      expect.stringMatching(/no space left|disk is full/i),
    ]);
    expect(storeContents(engine)).toEqual(before);
    expect(await exists(engine, '/images/noisy/json')).toBe(false);
    expect((await inspect(engine, 'noisy')).State.Status).toBe('running');
    await ask(engine, 'POST', '/containers/noisy/kill');
    expect(await wait(engine, 'noisy')).toBe(137);
    await remove(engine, 'noisy');
    expect(await findLeftovers(engine)).toEqual([]);
  });

  test('a create says so and makes nothing, reads go on, and with room it works', async () => {
    await fill();
    const body = { Image: 'busybox', Cmd: ['echo', 'hello'], Volumes: { '/scratch': {} } };
    const refused = await engine.api('POST', '/containers/create?name=refused', body);
    expect([refused.status, refused.text]).toEqual([
      500,
      expect.stringMatching(/no space left|disk is full/i),
    ]);
    expect(await ask<unknown[]>(engine, 'GET', '/containers/json?all=1')).toEqual([]);
    expect(await ask<unknown[]>(engine, 'GET', '/images/json')).toHaveLength(1);
    free();
    expect(await findLeftovers(engine)).toEqual([]);
    await create(engine, 'refused', body);
    await start(engine, 'refused');
    expect(await wait(engine, 'refused')).toBe(0);
    await remove(engine, 'refused');
  });

  test('a start says so and starts nothing, and with room it starts', async () => {
    await create(engine, 'late', { Cmd: ['sleep', '600'] });
    await fill();
    const refused = await engine.api('POST', '/containers/late/start');
    expect([refused.status, refused.text]).toEqual([
      500,
      expect.stringMatching(/no space left|disk is full/i),
    ]);
    expect((await inspect(engine, 'late')).State.Running).toBe(false);
    expect(await findLeftovers(engine)).toEqual([]);
    free();
    await start(engine, 'late');
    await remove(engine, 'late');
  });

  test('a container and an image are removed all the same, and that makes room', async () => {
    registry.add('doomed', '1', imageOf([layerOf({ noise: randomBytes(2_000_000) })]));
    const image = `${registry.host}/doomed:1`;
    await ask(engine, 'POST', `/images/create?fromImage=${encodeURIComponent(image)}`);
    await create(engine, 'doomed', { Cmd: ['true'] });
    await fill();
    const refused = await engine.api('POST', '/containers/create?name=other', { Image: 'busybox' });
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([
      500,
      { hint: expect.stringContaining('free space below') as string },
    ]);
    await remove(engine, 'doomed');
    // What the container occupied is not to help the image.
    await fill();
    await ask(engine, 'DELETE', `/images/${image}`);
    expect(await exists(engine, '/containers/doomed/json')).toBe(false);
    expect(await exists(engine, `/images/${image}/json`)).toBe(false);
    expect(await eventually(() => statfsSync(disk).bavail * statfsSync(disk).bsize > 2_000_000)).toBe(true);
    free();
    await engine.kill();
    await engine.start();
    expect(await ask<unknown[]>(engine, 'GET', '/containers/json?all=1')).toEqual([]);
    expect(await ask<unknown[]>(engine, 'GET', '/images/json')).toHaveLength(1);
    expect(await findLeftovers(engine)).toEqual([]);
  });

  test('a container that writes its log goes on, and its end is recorded when there is room', async () => {
    const counting = 'i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); usleep 5000; done; exit 5';
    await create(engine, 'writer', { Cmd: ['sh', '-c', counting] });
    await start(engine, 'writer');
    const { Pid } = (await inspect(engine, 'writer')).State;
    expect(await eventually(async () => (await logs(engine, 'writer')).includes('line 3\n'))).toBe(true);
    await fill();
    // It ends by itself: a log that cannot be written does not hold it up.
    expect(await eventually(() => !isAlive(Pid))).toBe(true);
    free();
    expect(await wait(engine, 'writer')).toBe(5);
    expect(await logs(engine, 'writer')).toStartWith('line 0\nline 1\n');
    await remove(engine, 'writer');
    expect(await findLeftovers(engine)).toEqual([]);
  });

  test('a log that is rotated and compressed goes on when there is room, in order and without pieces', async () => {
    await using shared = openSteps();
    const steps = 'step first; seq 1 20000; step second; seq 20001 40000';
    await launch(engine, 'rotated', {
      Cmd: ['sh', '-c', `${waiting}; ${steps}`],
      HostConfig: {
        Binds: [`${shared.folder}:/shared`],
        LogConfig: { Type: 'local', Config: { 'max-size': '100k', 'max-file': '40' } },
      },
    });
    expect(await eventually(() => shared.waitsFor('first'))).toBe(true);
    await fill();
    shared.allow('first');
    expect(await eventually(() => shared.waitsFor('second'))).toBe(true);
    free();
    shared.allow('second');
    expect(await wait(engine, 'rotated')).toBe(0);
    // A record that the full disk cut off runs into the next one.
    const lines = (await logs(engine, 'rotated'))
      .trimEnd()
      .split('\n')
      .map((line) => Number(line.split(' ').at(-1)));
    expect(lines.at(-1)).toBe(40_000);
    expect(lines.findIndex((line, at) => at > 0 && !(line > (lines[at - 1] ?? 0)))).toBe(-1);
    const { LogPath } = await ask<{ LogPath: string }>(engine, 'GET', '/containers/rotated/json');
    const pieces = (): string[] => readdirSync(dirname(LogPath)).filter((name) => name.endsWith('.part'));
    expect(await eventually(() => pieces().length === 0)).toBe(true);
    await remove(engine, 'rotated');
    expect(await findLeftovers(engine)).toEqual([]);
  });

  test('a log that is forwarded goes on being sent', async () => {
    await using shared = openSteps();
    let received = '';
    const server = createServer(
      (socket) => void socket.on('data', (chunk) => (received += chunk.toString())),
    );
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await launch(engine, 'sent', {
      Cmd: ['sh', '-c', `${waiting}; echo before; step first; echo meanwhile; step second; echo afterwards`],
      HostConfig: {
        Binds: [`${shared.folder}:/shared`],
        LogConfig: { Type: 'syslog', Config: { 'syslog-address': `tcp://127.0.0.1:${port}` } },
      },
    });
    expect(await eventually(() => received.includes('before'))).toBe(true);
    await fill();
    shared.allow('first');
    // The file has room left in its last page.
    expect(await eventually(() => received.includes('meanwhile'))).toBe(true);
    free();
    shared.allow('second');
    expect(await eventually(() => received.includes('afterwards'))).toBe(true);
    await remove(engine, 'sent');
    server.close();
  });
});

/** For a script: goes on when the test allows it. */
const waiting = 'step() { touch /shared/$1.waits; while ! [ -e /shared/$1 ]; do usleep 20000; done; }';

/** A folder on another disk. */
function openSteps(): AsyncDisposable & {
  folder: string;
  waitsFor(step: string): boolean;
  allow(step: string): void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'silo-steps-'));
  return {
    folder,
    waitsFor: (step) => existsSync(join(folder, `${step}.waits`)),
    allow: (step) => writeFileSync(join(folder, step), ''),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
