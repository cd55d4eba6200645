import { afterAll, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type EdgeRegistry, rawExchange, startEdge } from './edge-harness.ts';
import { codeOf, digestOf, pushBlob } from './harness.ts';

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const start = async (...words: Parameters<typeof startEdge>): Promise<EdgeRegistry> =>
  stack.use(await startEdge(...words));

const put = (url: string, repository: string, data: Buffer): Promise<Response> =>
  fetch(`${url}/v2/${repository}/blobs/uploads/?digest=${digestOf(data)}`, { method: 'POST', body: data });

test('many uploads at once do not pass a quota that each alone keeps, and leave nothing', async () => {
  const edge = await start({ 'repository-quota': '250kB', quota: '450kB' });
  const blobs = Array.from({ length: 12 }, () => randomBytes(100_000));
  const answers = await Promise.all(blobs.map((data) => put(edge.url, 'a', data)));
  const stored = answers.filter(({ status }) => status === 201).length;
  expect(stored).toBeLessThanOrEqual(2);
  for (const answer of answers.filter(({ status }) => status !== 201))
    expect(await codeOf(answer)).toBe('403 DENIED');
  const names = await readdir(join(edge.folder, 'root'), { recursive: true });
  expect(names.filter((name) => /uploads?\//.test(name))).toEqual([]);
  // What is left over can still be used, up to the last byte, and the total counts all repositories.
  expect((await put(edge.url, 'a', randomBytes(250_000 - stored * 100_000))).status).toBe(201);
  expect((await put(edge.url, 'a', randomBytes(1))).status).toBe(403);
  expect((await put(edge.url, 'b', randomBytes(200_000))).status).toBe(201);
  expect((await put(edge.url, 'c', randomBytes(1000))).status).toBe(403);
});

test('chunks count while they come, and an upload that met its quota is gone', async () => {
  const edge = await start({ 'repository-quota': '100kB' });
  const begun = await fetch(`${edge.url}/v2/a/blobs/uploads/`, { method: 'POST' });
  const location = `${edge.url}${begun.headers.get('location')}`;
  const patch = () => fetch(location, { method: 'PATCH', body: randomBytes(60_000) });
  expect((await patch()).status).toBe(202);
  expect(await codeOf(await put(edge.url, 'a', randomBytes(60_000)))).toBe('403 DENIED');
  expect(await codeOf(await patch())).toBe('403 DENIED');
  expect(await codeOf(await fetch(location))).toBe('404 BLOB_UPLOAD_UNKNOWN');
  expect((await put(edge.url, 'a', randomBytes(100_000))).status).toBe(201);
});

test('what an upload holds counts after a restart, also before it goes on', async () => {
  const first = await start({ 'repository-quota': '100kB', quota: '150kB' });
  const begun = await fetch(`${first.url}/v2/a/blobs/uploads/`, { method: 'POST' });
  const path = begun.headers.get('location') ?? '';
  const half = randomBytes(60_000);
  expect((await fetch(first.url + path, { method: 'PATCH', body: half })).status).toBe(202);
  await first.server[Symbol.asyncDispose]();
  const second = await start({
    'repository-quota': '100kB',
    quota: '150kB',
    root: join(first.folder, 'root'),
  });
  expect(await codeOf(await put(second.url, 'a', randomBytes(60_000)))).toBe('403 DENIED');
  expect((await put(second.url, 'a', randomBytes(10_000))).status).toBe(201);
  expect((await put(second.url, 'b', randomBytes(60_000))).status).toBe(201);
  expect(await codeOf(await put(second.url, 'c', randomBytes(30_000)))).toBe('403 DENIED');
  const rest = randomBytes(20_000);
  const whole = digestOf(Buffer.concat([half, rest]));
  const done = await fetch(`${second.url}${path}?digest=${whole}`, { method: 'PUT', body: rest });
  expect(done.status).toBe(201);
  expect((await put(second.url, 'a', randomBytes(10_000))).status).toBe(403);
});

test('an upload with the wrong digest gives its room back', async () => {
  const edge = await start({ 'repository-quota': '1kB' });
  const begun = await fetch(`${edge.url}/v2/a/blobs/uploads/`, { method: 'POST' });
  const wrong = `${edge.url}${begun.headers.get('location')}?digest=${digestOf('other')}`;
  const refused = await fetch(wrong, { method: 'PUT', body: randomBytes(900) });
  expect(await codeOf(refused)).toBe('400 DIGEST_INVALID');
  expect((await put(edge.url, 'a', randomBytes(900))).status).toBe(201);
});

test('what is deleted gives its room back, and what is there already costs none', async () => {
  const edge = await start({ 'repository-quota': '1kB' });
  const data = Buffer.alloc(1000);
  expect((await put(edge.url, 'a', data)).status).toBe(201);
  const mount = await fetch(`${edge.url}/v2/b/blobs/uploads/?mount=${digestOf(data)}&from=a`, {
    method: 'POST',
  });
  expect(mount.status).toBe(201);
  expect((await put(edge.url, 'b', randomBytes(10))).status).toBe(403);
  const gone = await fetch(`${edge.url}/v2/a/blobs/${digestOf(data)}`, { method: 'DELETE' });
  expect(gone.status).toBe(202);
  expect((await put(edge.url, 'a', randomBytes(900))).status).toBe(201);
});

test('an address that asks too often is told when to come back, and its requests are logged', async () => {
  const edge = await start({ 'rate-limit': '3/h', 'access-log': '@log' });
  const answers: Response[] = [];
  for (let count = 0; count < 5; count++) answers.push(await fetch(`${edge.url}/v2/`));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
  const [last] = answers.slice(-1);
  expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(1000);
  expect(await last?.json()).toMatchObject({ errors: [{ code: 'TOOMANYREQUESTS' }] });
  expect((await fetch(`${edge.url}/healthz`)).status).toBe(200);
  await edge.server[Symbol.asyncDispose]();
  const lines = (await readFile(join(edge.folder, 'log'), 'utf8')).trim().split('\n');
  expect(lines.filter((line) => line.includes('"status":429'))).toHaveLength(2);
});

test('a read-only registry is read and not changed', async () => {
  const edge = await start({ 'read-only': true });
  expect((await fetch(`${edge.url}/v2/`)).status).toBe(200);
  expect((await fetch(`${edge.url}/v2/_catalog`)).status).toBe(200);
  expect(await codeOf(await put(edge.url, 'a', Buffer.from('x')))).toBe('405 UNSUPPORTED');
  const gone = await fetch(`${edge.url}/v2/a/manifests/v1`, { method: 'DELETE' });
  expect(await codeOf(gone)).toBe('405 UNSUPPORTED');
});

test('an upload that drips is given up, and what came can be resumed', async () => {
  const edge = await start({}, {}, { slowest: { bytes: 1000, perMs: 200 }, idleMs: 60_000 });
  const begun = await fetch(`${edge.url}/v2/a/blobs/uploads/`, { method: 'POST' });
  const location = begun.headers.get('location') ?? '';
  const head = `PATCH ${location} HTTP/1.1\r\nHost: ${edge.host}\r\nContent-Length: 100\r\n\r\n`;
  expect(await rawExchange(edge.host, `${head}abc`)).toStartWith('HTTP/1.1 408 ');
  const status = await fetch(`${edge.url}${location}`);
  expect([status.status, status.headers.get('range')]).toEqual([204, '0-2']);
});

test('a client that never reads is cut off, and others are served', async () => {
  const edge = await start({}, {}, { slowest: { bytes: 1, perMs: 60_000 }, idleMs: 500 });
  const { digest } = await pushBlob(edge.url, 'a', new Uint8Array(32 << 20));
  const words = `GET /v2/a/blobs/${digest} HTTP/1.1\r\nHost: ${edge.host}\r\n\r\n`;
  await rawExchange(edge.host, words, { read: false });
  expect((await fetch(`${edge.url}/v2/`)).status).toBe(200);
});
