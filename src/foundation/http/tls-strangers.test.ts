import { afterAll, describe, expect, test } from 'bun:test';
import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { createLog, silentLog } from '../base/log.ts';
import { issueCertificate, type Issued, type Purpose } from '../x509/certificate.ts';
import { issueRevocationList } from '../x509/revocation-list.ts';
import type { TlsIdentity } from './http.ts';
import { createHttpServer } from './server.ts';
import { createTlsDoor, type TlsDoor } from './tls-door.ts';
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

  const open = async ({
    handshakeMs,
    headMs = 60_000,
    identity = { ...server, clientCa: authority.cert },
  }: { handshakeMs?: number; headMs?: number; identity?: TlsIdentity } = {}): Promise<{
    port: number;
    log: () => string;
    door: TlsDoor;
  }> => {
    let log = '';
    const inside = createServer((request, response) => {
      request.resume().once('end', () => response.end('hello'));
    });
    inside.on('clientError', (_, socket) => socket.destroy());
    const door = createTlsDoor(inside, identity, {
      log: createLog((line) => (log += line)),
      ...(handshakeMs === undefined ? {} : { handshakeMs }),
      headMs,
    });
    await new Promise<void>((resolve) => door.server.listen(0, '127.0.0.1', resolve));
    undo.defer(() => {
      door.cut();
      door.server.close();
    });
    return { port: (door.server.address() as AddressInfo).port, log: () => log, door };
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
    const { port, log } = await open({ handshakeMs: 300 });
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

  /** A connection of the friend's that stays open; what came over it, and its end. */
  const connection = async (port: number, options: ConnectionOptions = friend) => {
    let text = '';
    const socket = connect({ port, host: '127.0.0.1', ca: authority.cert, ...options });
    const ended = closed(socket);
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const answers = async (count: number): Promise<void> => {
      while ((text.match(/hello/g)?.length ?? 0) < count)
        await new Promise((resolve) => socket.once('data', resolve));
    };
    return { socket, ended, answers };
  };
  const get = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

  test('cuts a friend that sends a head slowly, the first or a later one, and no other', async () => {
    const { port } = await open({ headMs: 400 });
    const [slow, again, patient] = await Promise.all([connection(port), connection(port), connection(port)]);
    slow.socket.write('GET / HT');
    again.socket.write(get);
    await again.answers(1);
    again.socket.write('GET /again');
    // One that is silent, then takes longer for a body than for a head, and asks again.
    const both = Promise.all([slow.ended, again.ended]);
    await both;
    patient.socket.write('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na');
    const other = await connection(port);
    other.socket.write('GET / HT');
    await other.ended;
    patient.socket.write('bc');
    await patient.answers(1);
    patient.socket.write(get);
    await patient.answers(2);
    expect(patient.socket.destroyed).toBe(false);
    patient.socket.destroy();
  });

  test('refuses a certificate that was revoked from the next list on, and ends its connections', async () => {
    const lost = issue({ kind: 'client' }, authority);
    const listOf = (...certificates: Issued[]): string =>
      issueRevocationList(
        {
          revoked: certificates.map(({ cert }) => ({
            serial: new X509Certificate(cert).serialNumber,
            at: new Date(),
          })),
          from: new Date(),
          to: undefined,
        },
        authority,
      );
    const identity = { ...server, clientCa: authority.cert };
    const { port, log, door } = await open({ identity: { ...identity, revoked: listOf() } });
    expect(await ask(port, lost)).toContain('200 OK');
    const [theirs, ours] = [await connection(port, lost), await connection(port)];
    let session: Buffer | undefined;
    theirs.socket.on('session', (found: Buffer) => (session = found));
    for (const { socket, answers } of [theirs, ours]) {
      socket.write(get);
      await answers(1);
    }
    door.renew({ ...identity, revoked: listOf(lost) });
    await theirs.ended;
    expect(await ask(port, lost)).toBe('');
    expect(await ask(port, { ...lost, ...(session ? { session } : {}) })).toBe('');
    expect(log()).toContain('the certificate of the client was revoked');
    ours.socket.write(get);
    await ours.answers(2);
    ours.socket.destroy();
    // One that cannot be used changes nothing.
    for (const revoked of ['x', listOf().replace(/[A-Z]{4}/, 'AAAA')])
      expect(() => door.renew({ ...identity, revoked })).toThrow('the list of revoked certificates');
    expect(() => door.renew(identity)).toThrow('the list of revoked certificates is gone');
    expect(await ask(port, lost)).toBe('');
    expect(await ask(port, friend)).toContain('200 OK');
  });

  test('answers under any name that its certificate has, and no web page', async () => {
    const api = createHttpServer(async (exchange) => exchange.send(204), silentLog, {
      tls: { ...server, clientCa: authority.cert },
    });
    undo.defer(() => api.close());
    const bound = await api.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    if (bound.kind !== 'tcp') throw new Error('want TCP');
    const named = (...headers: string[]): string =>
      `GET / HTTP/1.1\r\n${['Host: engine.example.org:2376', ...headers, 'Connection: close'].join('\r\n')}\r\n\r\n`;
    expect(await ask(bound.port, friend, named())).toContain('204 No Content');
    for (const header of ['Origin: https://engine.example.org:2376', 'Sec-Fetch-Site: same-origin'])
      expect(await ask(bound.port, friend, named(header))).toContain('403 Forbidden');
  });

  test('an authority of clients that is none is refused: it would mean those that the system trusts', () => {
    for (const clientCa of ['', 'x'])
      expect(() =>
        createTlsDoor(
          createServer(),
          { ...server, clientCa },
          { log: createLog(() => undefined), headMs: 60_000 },
        ),
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
