import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { connect, type Socket } from 'node:net';
import { skipReason } from '../crash/world.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { bootstrapBusybox, launch } from '../e2e/objects.ts';
import { rawRequest, upgrade } from '../e2e/raw-request.ts';

if (skipReason) console.log(`skipped: abuse of HTTP: ${skipReason}`);

/** Time in which an abused server must answer somebody else: far above what it takes. */
const limitMs = 10_000;

describe.skipIf(skipReason !== undefined)('abuse of HTTP', () => {
  let engine: TestEngine;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
    await launch(engine, 'cat', { Cmd: ['cat'], OpenStdin: true, AttachStdin: true, AttachStdout: true });
  }, 60_000);
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await engine[Symbol.asyncDispose]();
  }, 60_000);

  const open = (): Socket => {
    const socket = connect(engine.socket);
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  };
  /** All that the server says until it closes the connection; the test's own limit ends a wait that is none. */
  const tell = (bytes: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = open();
      let text = '';
      socket.on('data', (chunk: Buffer) => void (text += chunk.toString('latin1')));
      socket.once('close', () => resolve(text));
      socket.end(Buffer.from(bytes, 'latin1'));
    });
  const answersOthers = async (): Promise<void> => {
    const response = await fetch('http://localhost/_ping', {
      unix: engine.socket,
      signal: AbortSignal.timeout(limitMs),
    });
    expect(await response.text()).toBe('OK');
  };
  const head = (line: string, ...headers: string[]): string =>
    `${[line, 'Host: localhost', ...headers].join('\r\n')}\r\n\r\n`;

  test.each<[string, string, RegExp]>([
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n', /^(HTTP\/1.1 400 |$)/],
    ['an empty line and the end', '\r\n', /^(HTTP\/1.1 400 |$)/],
    ['a verb that is none', head('FETCH /info HTTP/1.1'), /^HTTP\/1.1 4\d\d |^$/],
    ['a version that is none', head('GET /info HTTP/9.9'), /^HTTP\/1.1 \d\d\d |^$/],
    ['a target that is no path', head('GET info HTTP/1.1'), /^HTTP\/1.1 4\d\d /],
    ['a whole address as the target', head('GET http://localhost/_ping HTTP/1.1'), /^HTTP\/1.1 \d\d\d /],
    ['a star', head('OPTIONS * HTTP/1.1'), /^HTTP\/1.1 \d\d\d /],
    ['percent signs that are none', head('GET /containers/%zz/json HTTP/1.1'), /^HTTP\/1.1 400 /],
    ['percent signs that are no text', head('GET /containers/%ff%fe/json HTTP/1.1'), /^HTTP\/1.1 4\d\d /],
    ['a header without a colon', 'GET /_ping HTTP/1.1\r\nHost\r\n\r\n', /^(HTTP\/1.1 400 |$)/],
    ['a zero byte in a header', 'GET /_ping HTTP/1.1\r\nHost: a\0b\r\n\r\n', /^(HTTP\/1.1 400 |$)/],
    [
      'two lengths',
      head('POST /containers/create HTTP/1.1', 'Content-Length: 2', 'Content-Length: 3') + '{}',
      /^(HTTP\/1.1 400 |$)/,
    ],
    [
      'a length and chunks',
      head(
        'POST /containers/create HTTP/1.1',
        'Content-Type: application/json',
        'Content-Length: 4',
        'Transfer-Encoding: chunked',
      ) + '2\r\n{}\r\n0\r\n\r\n',
      /^(HTTP\/1.1 400 |$)/,
    ],
    ['a folded header', head('GET /_ping HTTP/1.1', 'X-Folded: a', ' b'), /^HTTP\/1.1 400 /],
    [
      'a coding with a space before its colon',
      head('POST /containers/create HTTP/1.1', 'Transfer-Encoding : chunked', 'Content-Length: 5') +
        '0\r\n\r\n',
      /^HTTP\/1.1 400 /,
    ],
    [
      'a coding that is none',
      head('POST /containers/create HTTP/1.1', 'Transfer-Encoding: xchunked') + '0\r\n\r\n',
      /^HTTP\/1.1 400 /,
    ],
    [
      'a negative length',
      head('POST /containers/create HTTP/1.1', 'Content-Length: -1'),
      /^(HTTP\/1.1 400 |$)/,
    ],
    [
      'a chunk whose size is none',
      head(
        'POST /containers/create HTTP/1.1',
        'Content-Type: application/json',
        'Transfer-Encoding: chunked',
      ) + 'zz\r\n{}\r\n0\r\n\r\n',
      /^(HTTP\/1.1 400 |$)/,
    ],
    [
      'a chunk that is cut off',
      head(
        'POST /containers/create HTTP/1.1',
        'Content-Type: application/json',
        'Transfer-Encoding: chunked',
      ) + 'ff\r\n{}',
      /^(HTTP\/1.1 400 |$)/,
    ],
    [
      'a body that is cut off',
      head('POST /containers/create HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 50') + '{}',
      /^(HTTP\/1.1 400 |$)/,
    ],
    [
      'headers of a megabyte',
      head('GET /_ping HTTP/1.1', `X-Long: ${'a'.repeat(1 << 20)}`),
      /^(HTTP\/1.1 4(00|31) |$)/,
    ],
    [
      'a hundred thousand headers',
      head('GET /_ping HTTP/1.1', ...Array.from({ length: 100_000 }, (_, i) => `X-${i}: a`)),
      /^(HTTP\/1.1 4(00|31) |$)/,
    ],
    ['a path of a megabyte', head(`GET /${'a'.repeat(1 << 20)} HTTP/1.1`), /^(HTTP\/1.1 4\d\d |$)/],
    [
      'an upgrade to what nobody speaks',
      head('GET /_ping HTTP/1.1', 'Connection: Upgrade', 'Upgrade: h2c'),
      /^HTTP\/1.1 200 /,
    ],
    [
      'an upgrade of what cannot be upgraded',
      head('GET /info HTTP/1.1', 'Connection: Upgrade', 'Upgrade: tcp'),
      /^HTTP\/1.1 200 /,
    ],
    [
      'an upgrade without a body where one is wanted',
      head('POST /containers/create HTTP/1.1', 'Connection: Upgrade', 'Upgrade: tcp'),
      /^HTTP\/1.1 400 /,
    ],
    [
      'an upgrade of an exec that is not there',
      head('POST /exec/nosuch/start HTTP/1.1', 'Connection: Upgrade', 'Upgrade: tcp'),
      /^HTTP\/1.1 404 /,
    ],
  ])(
    '%s is answered or cut off, and nobody else notices',
    async (_what, bytes, wanted) => {
      expect((await tell(bytes)).split('\r\n', 1)[0]).toMatch(wanted);
      await answersOthers();
    },
    20_000,
  );

  test('several requests in one go are answered in their order', async () => {
    const text = await tell(
      head('GET /_ping HTTP/1.1') +
        head('GET /nosuch HTTP/1.1') +
        head('GET /version HTTP/1.1', 'Connection: close'),
    );
    expect(text.match(/HTTP\/1.1 \d\d\d/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  }, 20_000);

  test('a thousand requests in one go, whose answers nobody reads, hold nobody up', async () => {
    const socket = open();
    socket.pause();
    socket.write(head('GET /info HTTP/1.1').repeat(1000));
    await answersOthers();
    socket.destroy();
  }, 20_000);

  test('clients that send a byte now and then, or nothing, hold nobody up', async () => {
    for (let i = 0; i < 300; i++) open().write(i % 2 === 0 ? 'GET /_pi' : '');
    const slow = open();
    slow.write(
      head('POST /containers/create HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 100'),
    );
    slow.write('{');
    for (let i = 0; i < 20; i++) await answersOthers();
  }, 30_000);

  test('a body beyond the limit is refused without being kept', async () => {
    const response = await fetch('http://localhost/containers/create', {
      method: 'POST',
      unix: engine.socket,
      headers: { 'Content-Type': 'application/json' },
      body: `{"Image":"${'a'.repeat(20 << 20)}"}`,
      signal: AbortSignal.timeout(limitMs),
    }).then(
      ({ status }) => status,
      () => 400,
    );
    expect(response).toBe(400);
    await answersOthers();
  }, 20_000);

  test('a client that closes its half of an attach gets the rest', async () => {
    using attached = rawRequest(engine.socket, {
      method: 'POST',
      path: '/containers/cat/attach?stream=1&stdin=1&stdout=1',
      headers: upgrade,
    });
    await attached.until('\r\n\r\n');
    attached.socket.end('half\n');
    expect(await attached.until('half')).toContain('half');
    await answersOthers();
  }, 20_000);

  test('clients that leave in the middle of everything leave the engine as it was', async () => {
    const lines = [
      head('GET /events HTTP/1.1'),
      head('GET /containers/cat/logs?follow=1&stdout=1 HTTP/1.1'),
      head('POST /containers/cat/wait HTTP/1.1'),
      head('GET /containers/cat/stats HTTP/1.1'),
      head('POST /containers/cat/attach?stream=1&stdout=1 HTTP/1.1', 'Connection: Upgrade', 'Upgrade: tcp'),
      head('POST /images/load HTTP/1.1', 'Content-Type: application/x-tar', 'Content-Length: 1000000'),
    ];
    await Promise.all(
      lines.flatMap((line) =>
        Array.from(
          { length: 10 },
          () =>
            new Promise<void>((resolve) => {
              const socket = open();
              socket.once('close', () => resolve());
              socket.write(line, () => void setImmediate(() => socket.resetAndDestroy()));
            }),
        ),
      ),
    );
    await answersOthers();
    expect(engine.log()).not.toContain('ended without an answer');
  }, 20_000);
});
