import { expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { knownFaultPoints } from '../crash/fault-points.ts';
import { digestOf, makeManifest, pushBlob, putManifest, startLocalRegistry } from './harness.ts';
import { serveProcess } from './served-process.ts';
import { expectWhole, withRoot } from './whole-folder.ts';

const status = (work: Promise<Response>): Promise<number | 'cut'> =>
  work.then(
    (answer) => answer.status,
    () => 'cut' as const,
  );

const layer = randomBytes(2_500_000).toString('latin1');

/** Of caches and of large repositories: see `cache-death.test.ts` and `journal-death.test.ts`. */
const others = /^registry\.(cache\.|index\.journaled)/;
const pushed = knownFaultPoints().filter((name) => name.startsWith('registry.') && !others.test(name));

for (const point of pushed)
  test(`a registry that dies at ${point} keeps what it acknowledged, and the push can be repeated`, () =>
    withRoot(async (root) => {
      let before: string;
      {
        await using first = await startLocalRegistry({ root });
        before = await makeManifest(first.url, 'kept/image', { layer: 'before' });
        const put = await putManifest(first.url, { repository: 'kept/image', reference: '1' }, before);
        expect(put.status).toBe(201);
      }
      {
        await using dying = await serveProcess(root, { SILO_FAULT: point });
        const push = async (): Promise<void> => {
          const document = await makeManifest(dying.url, 'kept/image', { layer });
          await putManifest(dying.url, { repository: 'kept/image', reference: '2' }, document);
        };
        await push().catch(() => undefined);
        expect(await dying.ended).toBe('SIGKILL');
      }
      await expectWhole(root);
      await using again = await startLocalRegistry({ root });
      const got = await fetch(`${again.url}/v2/kept/image/manifests/1`);
      expect(await got.text()).toBe(before);
      const document = await makeManifest(again.url, 'kept/image', { layer });
      expect(
        (await putManifest(again.url, { repository: 'kept/image', reference: '2' }, document)).status,
      ).toBe(201);
      const tags = await fetch(`${again.url}/v2/kept/image/tags/list`);
      expect(await tags.json()).toEqual({ name: 'kept/image', tags: ['1', '2'] });
      await expectWhole(root);
    }));

test('an upload goes on at the byte where a killed registry had it', () =>
  withRoot(async (root) => {
    const bytes = randomBytes(5_000_000);
    let path: string;
    {
      await using first = await serveProcess(root);
      const started = await fetch(`${first.url}/v2/some/app/blobs/uploads/`, { method: 'POST' });
      path = started.headers.get('location') ?? '';
      expect(
        (await fetch(first.url + path, { method: 'PATCH', body: bytes.subarray(0, 1_500_000) })).status,
      ).toBe(202);
      // In the middle of the next chunk, of which only a part was sent.
      const { hostname, port } = new URL(first.url);
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.write(`PATCH ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 3500000\r\n\r\n`);
      await new Promise<void>((resolve) =>
        socket.write(bytes.subarray(1_500_000, 3_000_000), () => resolve()),
      );
      first.process.kill('SIGKILL');
      await first.ended;
      socket.destroy();
    }
    await using second = await serveProcess(root);
    const where = await fetch(second.url + path);
    expect(where.status).toBe(204);
    const offset = Number(where.headers.get('range')?.split('-')[1]) + 1;
    expect(offset).toBeGreaterThanOrEqual(1_500_000);
    expect(offset).toBeLessThanOrEqual(3_000_000);
    const rest = await fetch(second.url + path, {
      method: 'PATCH',
      body: bytes.subarray(offset),
      headers: { 'Content-Range': `${offset}-${bytes.length - 1}` },
    });
    expect(rest.status).toBe(202);
    const done = await fetch(`${second.url}${path}?digest=${digestOf(bytes)}`, { method: 'PUT' });
    expect(done.status).toBe(201);
    const back = await fetch(`${second.url}/v2/some/app/blobs/${digestOf(bytes)}`);
    expect(digestOf(await back.bytes())).toBe(digestOf(bytes));
  }));

test('SIGTERM lets a running request end and refuses others', () =>
  withRoot(async (root) => {
    await using served = await serveProcess(root);
    const bytes = randomBytes(3_000_000);
    const started = await fetch(`${served.url}/v2/some/app/blobs/uploads/`, { method: 'POST' });
    const target = `${served.url}${started.headers.get('location') ?? ''}?digest=${digestOf(bytes)}`;
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const running = status(fetch(target, { method: 'PUT', body: readable }));
    await writer.write(bytes.subarray(0, 2_500_000));
    // The upload's file shows that the request has begun.
    const uploads = join(root, '.silo/uploads');
    const [name = ''] = await readdir(uploads);
    while ((await stat(join(uploads, name))).size === 0)
      await new Promise((resolve) => setImmediate(resolve));
    served.process.kill('SIGTERM');
    while ((await status(fetch(`${served.url}/v2/`, { keepalive: false }))) !== 'cut');
    await writer.write(bytes.subarray(2_500_000));
    await writer.close();
    expect(await running).toBe(201);
    expect(await served.ended).toBe(0);
  }));

test('two registries never serve one folder', () =>
  withRoot(async (root) => {
    await using first = await serveProcess(root);
    const second = serveProcess(root);
    expect(await second.then(() => 'served', String)).toContain('ended before it listened');
    await pushBlob(first.url, 'some/app', 'still served');
  }));
