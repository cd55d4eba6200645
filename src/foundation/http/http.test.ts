import { afterEach, expect, test } from 'bun:test';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../base/log.ts';
import { readBody } from './body.ts';
import type { HttpHandler } from './http.ts';
import { parseListenAddress } from './listen.ts';
import { createHttpServer } from './server.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'silo-http-'));
  cleanups.push(() => rm(path, { recursive: true }));
  return path;
}

async function serve(handler: HttpHandler): Promise<string> {
  const path = join(await folder(), 'sub', 's.sock');
  const server = createHttpServer(handler, silentLog);
  cleanups.push(() => server.close());
  await server.listen({ kind: 'unix', path });
  return path;
}

interface Client {
  socket: Socket;
  /** Everything so far, once it contains the text. */
  until(text: string): Promise<string>;
  closed: Promise<string>;
}

function connect(path: string, ...sent: string[]): Client {
  const socket = createConnection({ path, allowHalfOpen: true });
  let received = '';
  const waiting: (() => void)[] = [];
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    for (const check of waiting) check();
  });
  for (const text of sent) socket.write(text);
  return {
    socket,
    closed: new Promise((resolve) => socket.once('end', () => resolve(received))),
    until: (text) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (received.includes(text)) resolve(received);
        };
        waiting.push(check);
        check();
      }),
  };
}

const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it succeeded',
    (error: Error) => error.message,
  );

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: d\r\n${headers}\r\n`;
const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';

test('a whole answer carries its length, and HEAD only announces it', async () => {
  const path = await serve(async (exchange) => {
    exchange.setHeader('Api-Version', '1.51');
    exchange.send(200, { type: 'text/plain', data: `${exchange.path} ${exchange.query.get('q')}` });
  });
  const answer = await connect(path, get('/a%20b?q=%26')).until('/a b &');
  expect(answer).toContain(
    'HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n',
  );
  const head = connect(path, get('/x').replace('GET', 'HEAD').replace('Host', 'Connection: close\r\nHost'));
  const text = await head.closed;
  expect(text).toContain('Content-Length: 7\r\n');
  expect(text.endsWith('\r\n\r\n')).toBe(true);
});

test('a path that is no UTF-8 is refused', async () => {
  const path = await serve(async (exchange) => exchange.send(204));
  expect(await connect(path, get('/%ff')).until('\r\n\r\n')).toContain('400 Bad Request');
});

test('each write of a stream leaves at once', async () => {
  let go = (): void => undefined;
  const path = await serve(async (exchange) => {
    const out = exchange.stream(200, 'application/json');
    await new Promise<void>((resolve) => (go = resolve));
    out.write('{"a":1}\n');
    await new Promise<void>((resolve) => (go = resolve));
    out.end();
  });
  const client = connect(path, get('/'));
  await client.until('chunked\r\n');
  go();
  await client.until('{"a":1}\n');
  go();
  await client.until('0\r\n\r\n');
});

test('a client that leaves aborts the signal of a stream and of an upgraded connection', async () => {
  const gone: string[] = [];
  const seen = Promise.withResolvers<void>();
  const path = await serve(async (exchange) => {
    if (exchange.path === '/stream') exchange.stream(200, 'x/y').write('on\n');
    else exchange.hijack('x/y').output.write('on\n');
    exchange.signal.addEventListener('abort', () => {
      gone.push(exchange.path);
      if (gone.length === 2) seen.resolve();
    });
  });
  const stream = connect(path, get('/stream'));
  const hijacked = connect(path, get('/hijack', upgrade));
  await stream.until('on\n');
  await hijacked.until('on\n');
  // A half-closed connection is a client without stdin, not one that left.
  hijacked.socket.end();
  stream.socket.destroy();
  hijacked.socket.destroy();
  await seen.promise;
  expect(gone.sort()).toEqual(['/hijack', '/stream']);
});

test('an upgrade gives raw bytes both ways after its body, and outlives the end of the input', async () => {
  const path = await serve(async (exchange) => {
    const body = await readBody(exchange, 100);
    const { input, output } = exchange.hijack('application/vnd.docker.raw-stream');
    output.write(`body ${String(body)};`);
    for await (const chunk of input) output.write(`got ${String(chunk)};`);
    output.write('ended');
    output.end();
  });
  const request = get('/', `${upgrade}Content-Length: 2\r\n`).replace('GET', 'POST');
  const client = connect(path, `${request}{}`);
  expect(await client.until('body {};')).toStartWith(
    'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
  );
  client.socket.write('hello');
  await client.until('got hello;');
  client.socket.end();
  expect((await client.closed).endsWith('ended')).toBe(true);
});

test('without an upgrade the answer is raw until it closes, with the chunked body as input', async () => {
  const path = await serve(async (exchange) => {
    const { input, output } = exchange.hijack('application/vnd.docker.raw-stream');
    output.write('on;');
    for await (const chunk of input) output.write(`got ${String(chunk)};`);
    output.end();
  });
  const client = connect(path, get('/', 'Transfer-Encoding: chunked\r\n').replace('GET', 'POST'));
  expect(await client.until('on;')).not.toContain('chunked');
  client.socket.write('2\r\nab\r\n');
  await client.until('got ab;');
  client.socket.write('0\r\n\r\n');
  expect((await client.closed).endsWith('got ab;')).toBe(true);
});

test('a request that asked for an upgrade can be refused', async () => {
  const path = await serve(async (exchange) => exchange.send(404, { type: 'text/plain', data: 'no' }));
  const answer = await connect(path, get('/', upgrade)).closed;
  expect(answer).toStartWith('HTTP/1.1 404 Not Found\r\n');
  expect(answer.endsWith('\r\n\r\nno')).toBe(true);
});

test('a slow client slows the writer instead of filling the memory', async () => {
  let written = 0;
  const total = 64;
  const done = Promise.withResolvers<void>();
  const path = await serve(async (exchange) => {
    const { output } = exchange.hijack('x/y');
    const block = Buffer.alloc(1 << 20, 97);
    for (; written < total; written++) if (!output.write(block)) await output.drained();
    output.end();
    done.resolve();
  });
  const socket = createConnection(path);
  let received = 0;
  const ended = new Promise((resolve) => socket.once('end', resolve));
  socket.write(get('/', upgrade));
  await new Promise((resolve) => socket.once('data', resolve));
  socket.pause();
  // Whatever the kernel and both ends buffer is far below what a writer without back-pressure would have queued by now.
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(written).toBeLessThan(16);
  socket.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
  await done.promise;
  await ended;
  expect(received).toBeGreaterThan((total - 1) << 20);
});

test('bodies are bounded, whether or not they announce their length', async () => {
  const path = await serve(async (exchange) => {
    const text = await readBody(exchange, 10).then(String, (error: Error) => error.message);
    exchange.send(200, { type: 'text/plain', data: `[${text}]` });
  });
  const post = (headers: string) => get('/', headers).replace('GET', 'POST');
  expect(await connect(path, `${post('Content-Length: 5\r\n')}hello`).until(']')).toContain('[hello]');
  expect(await connect(path, post('Content-Length: 11\r\n')).until(']')).toContain('larger than 10 bytes');
  const chunked = `${post('Transfer-Encoding: chunked\r\n')}b\r\nhello world\r\n0\r\n\r\n`;
  expect(await connect(path, chunked).until(']')).toContain('larger than 10 bytes');
});

test('garbage and a handler that throws close the connection and leave the server serving', async () => {
  const path = await serve(async (exchange) => {
    if (exchange.path === '/throw') throw new Error('defect');
    exchange.send(204);
  });
  expect(await connect(path, 'GARBAGE\r\n\r\n').closed).toContain('400 Bad Request');
  const broken = connect(path, get('/throw'));
  expect(await broken.closed).toBe('');
  expect(await connect(path, get('/')).until('\r\n\r\n')).toContain('204 No Content');
});

test('the socket is for its owner, and for a group when one is given, in a folder of its own', async () => {
  const path = await serve(async (exchange) => exchange.send(204));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const groupId = process.getgid?.() ?? 0;
  const server = createHttpServer(async (exchange) => exchange.send(204), silentLog);
  cleanups.push(() => server.close());
  const shared = join(path, '../shared/s.sock');
  await server.listen({ kind: 'unix', path: shared, groupId });
  expect((await stat(shared)).mode & 0o777).toBe(0o660);
  expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o710);
});

test('a stale socket is replaced, a served one and other files are not', async () => {
  const handler: HttpHandler = async (exchange) => exchange.send(204);
  const path = await serve(handler);
  const second = createHttpServer(handler, silentLog);
  expect(await failure(second.listen({ kind: 'unix', path }))).toContain('another daemon answers on');
  const dir = await folder();
  await writeFile(join(dir, 'file'), '');
  expect(await failure(second.listen({ kind: 'unix', path: join(dir, 'file') }))).toContain(
    'is not a socket',
  );
  const stale = join(dir, 'stale');
  const child = Bun.spawn([
    process.execPath,
    '-e',
    `require('node:net').createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  await child.exited;
  expect((await stat(stale)).isSocket()).toBe(true);
  cleanups.push(() => second.close());
  await second.listen({ kind: 'unix', path: stale });
  expect(await connect(stale, get('/')).until('\r\n\r\n')).toContain('204');
});

test('TCP is for loopback, and not for web pages', async () => {
  const server = createHttpServer(async (exchange) => exchange.send(204), silentLog);
  cleanups.push(() => server.close());
  expect(await failure(server.listen({ kind: 'tcp', host: '0.0.0.0', port: 0 }))).toContain('without TLS');
  const bound = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  if (bound.kind !== 'tcp') throw new Error('want TCP');
  const url = `http://127.0.0.1:${bound.port}/`;
  expect((await fetch(url)).status).toBe(204);
  expect((await fetch(url, { headers: { origin: 'https://example.com' } })).status).toBe(403);
  expect((await fetch(url, { headers: { host: 'rebound.example.com' } })).status).toBe(403);
});

test('addresses to listen on are read strictly', () => {
  expect(parseListenAddress('unix:///run/s.sock')).toEqual({ kind: 'unix', path: '/run/s.sock' });
  expect(parseListenAddress('tcp://127.0.0.1:2375')).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 2375 });
  expect(parseListenAddress('tcp://[::1]:2375')).toEqual({ kind: 'tcp', host: '[::1]', port: 2375 });
  expect(() => parseListenAddress(`unix:///${'x'.repeat(107)}`)).toThrow('longer than the 107 bytes');
  for (const bad of ['unix://rel', 'tcp://x', 'tcp://x:99999', 'ssh://x', ''])
    expect(() => parseListenAddress(bad)).toThrow();
});

test('a part of a file is sent byte by byte, to a client that reads slowly too', async () => {
  const bytes = randomBytes(3_000_001);
  const path = join(await folder(), 'file');
  await writeFile(path, bytes);
  const socketPath = await serve(async (exchange) => {
    await using file = await open(path, 'r');
    await exchange.sendFile(200, 'application/octet-stream', { file, start: 1, end: bytes.length });
  });
  const client = createConnection({ path: socketPath });
  client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const parts: Buffer[] = [];
  for await (const part of client as AsyncIterable<Buffer>) {
    parts.push(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const answer = Buffer.concat(parts);
  const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
  const hash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
  expect([body.length, hash(body)]).toEqual([3_000_000, hash(bytes.subarray(1))]);
});
