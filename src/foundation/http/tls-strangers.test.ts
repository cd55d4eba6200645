import { afterAll, describe, expect, test } from 'bun:test';
import { createServer } from 'node:http';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { createLog } from '../base/log.ts';
import { issueCertificate, type Issued, type Purpose } from '../x509/certificate.ts';
import { createTlsDoor } from './tls-door.ts';
import { troubleOfDates } from './tls-files.ts';

const day = 86_400_000;
const issue = (purpose: Purpose, issuer?: Issued, fromDays = -1, toDays = 1): Issued =>
  issueCertificate(
    {
      name: `test ${purpose.kind}`,
      purpose,
      from: new Date(Date.now() + fromDays * day),
      to: new Date(Date.now() + toDays * day),
    },
    issuer,
  );
const authority = issue({ kind: 'authority' });
const foreign = issue({ kind: 'authority' });
const server = issue({ kind: 'server', hosts: ['localhost', '127.0.0.1'] }, authority);
const friend = issue({ kind: 'client' }, authority);

describe('a door for those with a certificate', () => {
  const undo = new AsyncDisposableStack();
  afterAll(() => undo.disposeAsync());

  const open = async (handshakeMs?: number): Promise<{ port: number; log: () => string }> => {
    let log = '';
    const inside = createServer((_, response) => void response.end('hello'));
    inside.on('clientError', (_, socket) => socket.destroy());
    const door = createTlsDoor(
      inside,
      { ...server, clientCa: authority.cert },
      {
        log: createLog((line) => (log += line)),
        ...(handshakeMs === undefined ? {} : { handshakeMs }),
      },
    );
    await new Promise<void>((resolve) => door.server.listen(0, '127.0.0.1', resolve));
    undo.defer(() => {
      door.cut();
      door.server.close();
    });
    return { port: (door.server.address() as AddressInfo).port, log: () => log };
  };
  /** What is answered to a request until the connection closes. */
  const ask = (
    port: number,
    options: ConnectionOptions,
    request = 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
  ): Promise<string> =>
    new Promise((resolve) => {
      let text = '';
      const socket = connect({ port, host: '127.0.0.1', ca: authority.cert, ...options }, () =>
        socket.write(request),
      );
      socket
        .on('data', (chunk: Buffer) => (text += chunk.toString()))
        .on('error', () => undefined)
        .on('close', () => resolve(text));
    });
  const stranger = (port: number): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connectTcp(port, '127.0.0.1', () => resolve(socket));
      socket.once('error', reject);
    });
  const closed = (socket: Socket): Promise<void> =>
    new Promise((resolve) =>
      socket
        .on('error', () => undefined)
        .on('close', () => resolve())
        .resume(),
    );

  const refused: [string, ConnectionOptions, string][] = [
    ['without a certificate', {}, 'showed no certificate'],
    ['with one that has expired', issue({ kind: 'client' }, authority, -2, -1), 'has expired'],
    ['with one of next week', issue({ kind: 'client' }, authority, 7, 8), 'not valid yet'],
    ['with one of another authority of the same name', issue({ kind: 'client' }, foreign), 'authority'],
    ['with one that is signed by itself', issue({ kind: 'client' }), 'authority'],
    ['with the one of the server', server, 'not one for clients'],
    ['that speaks TLS 1.1', { ...friend, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }, 'older than 1.2'],
  ];
  test.each(refused)('refuses a client %s, and tells why in the log', async (_, options, reason) => {
    const { port, log } = await open();
    expect(await ask(port, options)).toBe('');
    expect(log()).toContain('a TLS connection was refused client="127.0.0.1"');
    expect(log()).toContain(reason);
    expect(await ask(port, friend)).toContain('200 OK');
  });

  test('is not held up by those who connect and say nothing, nor by those who speak no TLS', async () => {
    const { port, log } = await open(300);
    const silent = await Promise.all(Array.from({ length: 20 }, () => stranger(port)));
    const half = await stranger(port);
    half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    const rude = await stranger(port);
    rude.write('GET / HTTP/1.1\r\n\r\n');
    const ends = [...silent, half, rude].map(closed);
    expect(await ask(port, friend)).toContain('200 OK');
    await Promise.all(ends);
    expect(log()).toContain('did not finish the handshake in time');
    expect(log()).toContain('HTTP without TLS');
  });

  test('lets a crowd of strangers keep nobody out: the oldest make room, and the log stays short', async () => {
    const { port, log } = await open();
    const crowd = await Promise.all(Array.from({ length: 300 }, () => stranger(port)));
    const ended = Promise.race(crowd.map(closed));
    expect(await ask(port, friend)).toContain('200 OK');
    await ended;
    for (let round = 0; round < 30; round++) await ask(port, {});
    expect(log().match(/refused/g)?.length).toBe(20);
    for (const socket of crowd) socket.destroy();
  });

  test('cuts a request whose head is endless', async () => {
    const { port } = await open();
    const head = `GET / HTTP/1.1\r\nHost: h\r\n`;
    expect(await ask(port, friend, `${head}X: ${'x'.repeat(1 << 20)}\r\n\r\n`)).not.toContain('200');
    const many = Array.from({ length: 20_000 }, (_, index) => `X-${index}: ${'y'.repeat(20)}\r\n`).join('');
    expect(await ask(port, friend, `${head}${many}\r\n`)).not.toContain('200');
    expect(await ask(port, friend)).toContain('200 OK');
  });

  test('an authority of clients that is none is refused: it would mean those that the system trusts', () => {
    for (const clientCa of ['', 'x'])
      expect(() =>
        createTlsDoor(createServer(), { ...server, clientCa }, { log: createLog(() => undefined) }),
      ).toThrow('not usable');
  });
});

test.each([
  [-3, 300, undefined],
  [-3, 20, /expires on/],
  [-3, -1, /expired on/],
  [2, 300, /valid from .* only/],
])('a certificate from day %p to day %p is told of: %p', (fromDays, toDays, words) => {
  const { cert } = issue({ kind: 'client' }, authority, fromDays, toDays);
  const trouble = troubleOfDates(cert, Date.now());
  if (words === undefined) expect(trouble).toBeUndefined();
  else expect(trouble).toMatch(words);
});
