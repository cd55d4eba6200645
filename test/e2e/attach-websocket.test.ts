import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { eventually } from './footprint.ts';
import { startEngine, type TestEngine } from './harness.ts';
import { ask, bootstrapBusybox, create, inspect, launch, remove, start, wait } from './objects.ts';
import { rawRequest, type RawConversation } from './raw-request.ts';

if (skipReason) console.log(`skipped: attaching by websocket: ${skipReason}`);

const handshake = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A masked frame with a zero mask. */
const frame = (first: number, payload: string | Buffer, length = payload.length): Buffer =>
  Buffer.concat([Buffer.from([first, 0x80 | length, 0, 0, 0, 0]), Buffer.from(payload)]);

describe.skipIf(skipReason !== undefined)('attach by websocket', () => {
  let engine: TestEngine;
  let port = 0;
  beforeAll(async () => {
    port = await freePort();
    engine = await startEngine({ args: ['-H', `tcp://127.0.0.1:${port}`, '--tls=false'] });
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  afterEach(async () => {
    for (const { Id } of await ask<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
      await remove(engine, Id);
    expect(await findLeftovers(engine)).toEqual([]);
  });
  const raw = (path: string, headers: Record<string, string> = handshake): RawConversation =>
    rawRequest(engine.socket, { method: 'GET', path, headers });
  const cat = { Cmd: ['cat'], OpenStdin: true, StdinOnce: true };
  const all = 'stream=1&stdin=1&stdout=1&stderr=1';

  test('a client of another make types, reads, and ends the input by closing', async () => {
    await create(engine, 'subject', { ...cat, Cmd: ['sh', '-c', 'cat; echo end >&2'] });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/containers/subject/attach/ws?${all}`);
    socket.binaryType = 'nodebuffer';
    const closed = new Promise<number>((resolve) =>
      socket.addEventListener('close', ({ code }) => resolve(code)),
    );
    let said = '';
    socket.addEventListener('message', ({ data }) => void (said += String(data)));
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    await start(engine, 'subject');
    socket.send('typed\n');
    socket.send(Buffer.alloc(200_000, 'x\n'));
    expect(await eventually(() => said.length === 200_006)).toBe(true);
    expect(said.startsWith('typed\nx\n')).toBe(true);
    socket.close();
    expect(await closed).toBeGreaterThanOrEqual(1000);
    expect(await wait(engine, 'subject')).toBe(0);
  });

  test('when the process ends, the rest comes and then a goodbye', async () => {
    await create(engine, 'subject', { Cmd: ['sh', '-c', 'echo out; echo err >&2'] });
    using both = raw(`/v1.45/containers/subject/attach/ws?${all}`);
    await both.until('\r\n\r\n');
    await start(engine, 'subject');
    const text = await both.closed;
    expect(text).toStartWith('HTTP/1.1 101 Switching Protocols\r\n');
    expect(text).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
    expect(text).toContain('\x82\x04out\n');
    expect(text).toContain('\x82\x04err\n');
    expect(text).toEndWith('\x88\x02\x03\xe8');
  });

  test('clients before 1.28 get text frames; those before 1.42 every stream', async () => {
    await create(engine, 'subject', { Cmd: ['sh', '-c', 'echo out'] });
    using old = raw('/v1.27/containers/subject/attach/ws?stream=1');
    await old.until('\r\n\r\n');
    await start(engine, 'subject');
    expect(await old.closed).toContain('\x81\x04out\n');
  });

  test.each<[string, Buffer, string]>([
    ['is not masked', Buffer.from([0x81, 1, 65]), '\x88\x02\x03\xea'],
    ['is too large', Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), '\x88\x02\x03\xf1'],
    ['is fragmented wrongly', frame(0x80, 'a'), '\x88\x02\x03\xea'],
  ])('a frame that %s ends the connection, not the container', async (_what, bytes, goodbye) => {
    // With StdinOnce whoever leaves takes the input along, and `cat` ends.
    await launch(engine, 'subject', { ...cat, StdinOnce: false });
    using client = raw(`/containers/subject/attach/ws?${all}`);
    await client.until('\r\n\r\n');
    client.socket.write(bytes);
    expect(await client.closed).toEndWith(goodbye);
    expect((await inspect(engine, 'subject')).State.Running).toBe(true);
  });

  test('fragments arrive as one stream, pings are answered between them, close is answered', async () => {
    // It answers with whole lines: `cat` might give the fragments back one by one.
    await launch(engine, 'subject', { ...cat, Cmd: ['sh', '-c', 'read -r line; echo "$line"; exec cat'] });
    using client = raw(`/containers/subject/attach/ws?${all}`);
    await client.until('\r\n\r\n');
    client.socket.write(
      Buffer.concat([frame(0x01, 'frag'), frame(0x89, 'are you there'), frame(0x80, 'ments\n')]),
    );
    await client.until('fragments\n');
    expect(client.text()).toContain('\x8a\x0dare you there');
    client.socket.write(frame(0x88, Buffer.from([0x03, 0xe8])));
    expect(await client.closed).toContain('\x88\x02\x03\xe8');
    client.socket.destroy();
    expect(await wait(engine, 'subject')).toBe(0);
  });

  test('a goodbye ends the input, however soon the connection is closed behind it', async () => {
    for (let round = 0; round < 5; round++) {
      await launch(engine, 'subject', { ...cat, Cmd: ['sh', '-c', 'cat > /got; cat /got'] });
      using client = raw(`/containers/subject/attach/ws?${all}`);
      await client.until('\r\n\r\n');
      client.socket.end(Buffer.concat([frame(0x82, 'last words'), frame(0x88, '')]));
      expect(await wait(engine, 'subject')).toBe(0);
      await remove(engine, 'subject');
    }
  });

  test('a hang-up ends nothing else, also while waiting for a start, and while never reading', async () => {
    await launch(engine, 'subject', { Cmd: ['sh', '-c', 'while :; do echo flood; done'] });
    {
      using deaf = raw(`/containers/subject/attach/ws?${all}`);
      await deaf.until('flood');
      deaf.socket.pause();
      expect((await engine.api('GET', '/containers/subject/json')).status).toBe(200);
    }
    await create(engine, 'later', cat);
    {
      using parked = raw(`/containers/later/attach/ws?${all}`);
      await parked.until('\r\n\r\n');
    }
    using second = raw(`/containers/later/attach/ws?${all}`);
    await second.until('\r\n\r\n');
    await start(engine, 'later');
    second.socket.write(frame(0x82, 'heard\n'));
    await second.until('heard\n');
    expect((await inspect(engine, 'subject')).State.Running).toBe(true);
  });

  test('what is no handshake is refused in words, and web pages on TCP are', async () => {
    await create(engine, 'subject', {});
    const path = '/containers/subject/attach/ws?stream=1';
    const answer = await engine.api('GET', path);
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('not websocket protocol')]);
    expect((await engine.api('GET', '/containers/nobody/attach/ws')).status).toBe(404);
    using version = raw(path, { ...handshake, 'Sec-WebSocket-Version': '8' });
    expect(await version.closed).toMatch(/^HTTP\/1\.1 400 .*missing or bad WebSocket Version/s);
    using key = raw(path, { ...handshake, 'Sec-WebSocket-Key': 'short' });
    expect(await key.closed).toStartWith('HTTP/1.1 400 ');
    const refused = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { ...handshake, Origin: 'http://page.example' },
    });
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('web pages')]);
    using other = raw('/_ping', handshake);
    expect(await other.closed).toStartWith('HTTP/1.1 200 OK');
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
