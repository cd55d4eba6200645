import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAway, pourByKernel } from './kernel-pour.ts';

const size = 12 << 20;
const bytes = randomBytes(size);
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
let folder = '';
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'silo-pour-'));
  await writeFile(join(folder, 'large'), bytes);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => rm(folder, { recursive: true }));

interface Served {
  port: number;
  /** What was told of each request, in order of their ends. */
  sent: (number | string)[];
  ended: Promise<void>;
}

/** Serves `?START-END` of the file, as to a client of another machine. */
async function serve({
  host = '127.0.0.1',
  name = 'large',
  requests = 1,
  sendable = true,
} = {}): Promise<Served> {
  const sent: Served['sent'] = [];
  const all = Promise.withResolvers<void>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [start = 0, end = size] = (request.url?.split('?')[1]?.split('-') ?? []).map(Number);
    const file = await open(join(folder, name), 'r');
    // sendfile(2) takes no directory: EINVAL.
    const directory = sendable ? undefined : await open(folder, 'r');
    response.writeHead(200, ['Content-Length', String(end - start)]);
    try {
      const given = directory ? { fd: directory.fd, read: file.read.bind(file) } : file;
      sent.push(await pourByKernel(request, response, { file: given as typeof file, start, end }));
      response.end();
    } catch (error) {
      sent.push(String(error));
    } finally {
      await file.close();
      await directory?.close();
      if (sent.length === requests) all.resolve();
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  cleanups.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  await once(server.listen(0, host.replace(/[[\]]/g, '')), 'listening');
  return { port: (server.address() as AddressInfo).port, sent, ended: all.promise };
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

function connect(port: number, text: string): Socket {
  const socket = createConnection(port, '127.0.0.1', () => void socket.write(text));
  socket.on('error', () => undefined);
  return socket;
}

test.each(['127.0.0.1', '[::1]'])(
  'a large file arrives whole by way of %s, and so do its parts',
  async (host) => {
    const { port, sent, ended } = await serve({ host, requests: 5 });
    const lengths: number[] = [];
    for (const [start, end] of [
      [0, size],
      [1, size],
      [3_000_000, 9_000_001],
      [5, 6],
      [size - 700_000, size],
    ] as const) {
      const answer = await fetch(`http://${host}:${port}/?${start}-${end}`);
      expect(answer.headers.get('content-length')).toBe(String(end - start));
      expect(sha256(await answer.bytes())).toBe(sha256(bytes.subarray(start, end)));
      lengths.push(end - start);
    }
    await ended;
    expect(sent).toEqual(lengths);
  },
);

test('requests in a row on one connection are answered one behind the other', async () => {
  const { port, sent } = await serve({ requests: 3 });
  const socket = connect(port, get('/') + get('/?10-1000010') + get('/?7-9'));
  const chunks: Buffer[] = [];
  let length = 0;
  const wanted = size + 1_000_000 + 2;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length >= wanted + 3 * 80 && Buffer.concat(chunks.slice(-3)).includes(bytes.subarray(7, 9))) break;
  }
  const text = Buffer.concat(chunks);
  const bodies: Buffer[] = [];
  for (let at = 0; at < text.byteLength;) {
    const head = text.indexOf('\r\n\r\n', at);
    const announced = Number(/content-length: (\d+)/i.exec(text.toString('latin1', at, head))?.[1]);
    bodies.push(text.subarray(head + 4, head + 4 + announced));
    at = head + 4 + announced;
  }
  expect(bodies.map(sha256)).toEqual(
    [bytes, bytes.subarray(10, 1_000_010), bytes.subarray(7, 9)].map(sha256),
  );
  expect(new Set(sent)).toEqual(new Set([size, 1_000_000, 2]));
});

test('a client that stops reading for a while gets the rest', async () => {
  const { port, sent, ended } = await serve();
  const socket = connect(port, get('/'));
  const hash = createHash('sha256');
  let left: number | undefined;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let body = chunk;
    if (left === undefined) {
      body = chunk.subarray(chunk.indexOf('\r\n\r\n') + 4);
      left = size;
      // Long enough for the kernel's buffers to fill.
      socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 100));
      socket.resume();
    }
    hash.update(body);
    left -= body.byteLength;
    if (left <= 0) break;
  }
  await ended;
  expect(hash.digest('hex')).toBe(sha256(bytes));
  expect(sent).toEqual([size]);
});

test('a client that leaves ends it, and no descriptor stays open', async () => {
  const { port, sent, ended } = await serve({ requests: 4 });
  const before = readdirSync('/proc/self/fd').length;
  for (let count = 0; count < 4; count++) {
    const socket = connect(port, get('/'));
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
  }
  await ended;
  for (const told of sent) expect(told).toBeLessThan(size);
  while (readdirSync('/proc/self/fd').length > before) await new Promise((resolve) => setImmediate(resolve));
});

test('a file that is shorter than announced cuts the connection', async () => {
  await writeFile(join(folder, 'short'), bytes.subarray(0, 3 << 20));
  const { port, sent, ended } = await serve({ name: 'short' });
  const answer = await fetch(`http://127.0.0.1:${port}/?0-${4 << 20}`);
  expect(
    await answer.bytes().then(
      () => 'whole',
      () => 'cut',
    ),
  ).toBe('cut');
  await ended;
  expect(String(sent[0])).toContain('shrank');
  await truncate(join(folder, 'short'));
});

test('what the kernel cannot send by itself arrives whole all the same', async () => {
  const { port, sent, ended } = await serve({ sendable: false });
  const answer = await fetch(`http://127.0.0.1:${port}/?3-${size}`);
  expect(sha256(await answer.bytes())).toBe(sha256(bytes.subarray(3)));
  await ended;
  expect(sent).toEqual([size - 3]);
});

test('a client on this machine is not away', () => {
  const isAwayFrom = (remoteAddress: string, localAddress: string): boolean =>
    isAway({ remoteAddress, localAddress } as Socket);
  for (const own of ['127.0.0.1', '127.3.2.1', '::ffff:127.0.0.1', '::1', '10.0.0.5'])
    expect(isAwayFrom(own, '10.0.0.5')).toBe(false);
  for (const other of ['10.0.0.6', '::ffff:10.0.0.6', 'fe80::1'])
    expect(isAwayFrom(other, '10.0.0.5')).toBe(true);
});
