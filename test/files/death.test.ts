import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { request } from 'node:http';
import { archive as tar, member } from '../../src/foundation/archive/tar-fixtures.ts';
import { formatMember } from '../../src/foundation/archive/tar-writer.ts';
import { eventually, mountsOf, processesOf } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, create, launch, remove, start } from '../e2e/objects.ts';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { get, put } from './ask.ts';

if (skipReason) console.log(`skipped: deaths while files are copied: ${skipReason}`);

// Other work on the machine makes each helper wait.
setDefaultTimeout(60_000);

describe.skipIf(skipReason !== undefined)('while files are copied', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  const helpers = (): number[] =>
    processesOf(engine.footprint)
      .filter(({ words }) => words.includes('"action"'))
      .map(({ pid }) => pid);

  /** An upload that has begun and waits; its first file is in place. */
  const beginUpload = async (id: string): Promise<{ leave(): void; answered: Promise<number> }> => {
    const sent = request({
      socketPath: engine.socket,
      method: 'PUT',
      path: `/containers/${id}/archive?path=/tmp`,
    });
    const answered = new Promise<number>((resolve) => {
      sent.once('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.once('error', () => resolve(0));
    });
    sent.write(member({ name: 'first', content: 'x'.repeat(300_000) }));
    sent.write(
      formatMember({
        type: 'file',
        name: 'half',
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: { sec: 1, nsec: 0 },
        size: 1 << 30,
      }),
    );
    sent.write(Buffer.alloc(600_000));
    await eventually(() => helpers().length > 0);
    return { leave: () => void sent.destroy(), answered };
  };

  test.each([true, false])(
    'the engine may be killed: no process, no mount stays (running: %p)',
    async (started) => {
      const id = await (started ? launch : create)(engine, `victim-${started}`, {
        Cmd: ['sleep', '600'],
        Volumes: { '/vol': {} },
      });
      const upload = await beginUpload(id);
      await engine.kill();
      await upload.answered;
      await eventually(() => helpers().length === 0);
      expect(helpers()).toEqual([]);
      const mounts = await mountsOf(engine.footprint);
      expect(mounts.filter((path) => !path.endsWith(`${id}/merged`))).toEqual([]);
      await engine.start();
      expect(await findLeftovers(engine)).toEqual([]);
      if (!started) await start(engine, id);
      expect((await put(engine, id, '/tmp', tar(member({ name: 'again' })))).status).toBe(200);
      expect((await get(engine, id, '/tmp/again')).status).toBe(200);
      await remove(engine, id);
    },
  );

  test.each([true, false])('a client may hang up: the helper ends (running: %p)', async (started) => {
    const id = await (started ? launch : create)(engine, `left-${started}`, { Cmd: ['sleep', '600'] });
    const upload = await beginUpload(id);
    upload.leave();
    await eventually(() => helpers().length === 0);
    expect(helpers()).toEqual([]);
    await remove(engine, id);
    expect(await findLeftovers(engine)).toEqual([]);
  });

  test('a reader may hang up: the helper ends', async () => {
    const id = await launch(engine, 'long', {
      Cmd: ['sh', '-c', 'dd if=/dev/zero of=/big bs=1M count=0 seek=4096; exec sleep 600'],
    });
    while ((await get(engine, id, '/proc/1/stat')).status !== 200);
    const sent = request({ socketPath: engine.socket, path: `/containers/${id}/archive?path=/big` });
    await new Promise<void>(
      (resolve) => void sent.once('response', (response) => response.once('data', () => resolve())).end(),
    );
    expect(helpers()).toHaveLength(1);
    sent.destroy();
    await eventually(() => helpers().length === 0);
    expect(helpers()).toEqual([]);
    await remove(engine, id);
  });

  test('a helper that dies leaves an answer that is cut, not one that looks whole', async () => {
    const id = await launch(engine, 'cut', {
      Cmd: ['sh', '-c', 'dd if=/dev/zero of=/big bs=1M count=0 seek=4096; exec sleep 600'],
    });
    while ((await get(engine, id, '/proc/1/stat')).status !== 200);
    const ended = new Promise<string>((resolve) => {
      const sent = request({ socketPath: engine.socket, path: `/containers/${id}/archive?path=/big` });
      sent.once('response', (response) => {
        response.once('data', () => {
          for (const pid of helpers()) process.kill(pid, 'SIGKILL');
          response.resume();
        });
        response.once('end', () => resolve(response.complete ? 'whole' : 'cut'));
        response.once('error', () => resolve('cut'));
      });
      sent.once('error', () => resolve('cut')).end();
    });
    expect(await ended).toBe('cut');
    await remove(engine, id);
  });

  test('a container may be removed: the copy ends, nothing stays', async () => {
    const id = await create(engine, 'removed', { Cmd: ['true'] });
    const upload = await beginUpload(id);
    await ask(engine, 'DELETE', `/containers/${id}?force=1`);
    expect(helpers()).toEqual([]);
    upload.leave();
    await upload.answered;
    expect(await findLeftovers(engine)).toEqual([]);
  });

  test('a stopped container may be started: it runs, and the copy goes on', async () => {
    const id = await create(engine, 'started', { Cmd: ['sleep', '600'] });
    const upload = await beginUpload(id);
    await start(engine, id);
    expect(helpers()).toHaveLength(1);
    upload.leave();
    await upload.answered;
    await eventually(() => helpers().length === 0);
    expect((await put(engine, id, '/tmp', tar(member({ name: 'after' })))).status).toBe(200);
    await remove(engine, id);
    expect(await findLeftovers(engine)).toEqual([]);
  });
});
