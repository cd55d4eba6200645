import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { issueCertificate, type Issued, type Purpose } from '../../../foundation/x509/certificate.ts';
import { parseSyslogOptions } from '../syslog-options.ts';
import { type LogSink, openSink } from './log-sink.ts';

const day = 24 * 3600 * 1000;
let folder: string;
let authority: Issued;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'silo-sink-'));
  authority = issue('authority', { kind: 'authority' });
  const client = issue('engine', { kind: 'client' }, authority);
  for (const [name, text] of Object.entries({ ca: authority.cert, cert: client.cert, key: client.key }))
    writeFileSync(join(folder, `${name}.pem`), text);
  writeFileSync(join(folder, 'other.pem'), issue('other', { kind: 'authority' }).cert);
  writeFileSync(join(folder, 'empty.pem'), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function issue(name: string, purpose: Purpose, issuer?: Issued): Issued {
  const now = Date.now();
  return issueCertificate({ name, purpose, from: new Date(now - day), to: new Date(now + day) }, issuer);
}

interface Receiver extends AsyncDisposable {
  port: number;
  /** Resolves when so many bytes came. */
  text(bytes: number): Promise<string>;
  /** Common names of the clients. */
  clients: unknown[];
}

async function receive(): Promise<Receiver> {
  const { cert, key } = issue('receiver', { kind: 'server', hosts: ['127.0.0.1'] }, authority);
  const sockets = new Set<TLSSocket>();
  const clients: unknown[] = [];
  let text = '';
  let told = (): void => undefined;
  const server: Server = createServer(
    { cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: false },
    (socket) => {
      sockets.add(socket);
      clients.push(socket.getPeerCertificate()?.subject?.CN);
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        told();
      });
    },
  );
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    clients,
    text: (bytes) =>
      new Promise((resolve) => {
        told = () => text.length >= bytes && resolve(text);
        told();
      }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function open(port: number, options: Record<string, string>): Promise<LogSink> {
  const { address } = parseSyslogOptions({ 'syslog-address': `tcp+tls://127.0.0.1:${port}`, ...options });
  if (!address) throw new Error('it has an address');
  return openSink(address);
}

const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it succeeded',
    (error: unknown) => String(error),
  );

const at = (name: string): string => join(folder, `${name}.pem`);

test('a receiver that the authority knows gets the lines, and is shown who sends', async () => {
  await using receiver = await receive();
  using sink = await open(receiver.port, {
    'syslog-tls-ca-cert': at('ca'),
    'syslog-tls-cert': at('cert'),
    'syslog-tls-key': at('key'),
  });
  await sink.send([Buffer.from('one'), Buffer.from('two')]);
  expect(await receiver.text(8)).toBe('one\ntwo\n');
  expect(receiver.clients).toEqual(['engine']);
});

test('messages of RFC 5424 have their length before them', async () => {
  await using receiver = await receive();
  using sink = await open(receiver.port, { 'syslog-tls-ca-cert': at('ca'), 'syslog-format': 'rfc5424' });
  await sink.send([Buffer.from('one'), Buffer.from('zwö')]);
  expect(await receiver.text(12)).toBe('4 one\n5 zwö\n');
});

test('a receiver of another authority gets nothing, unless nobody wants to know', async () => {
  await using receiver = await receive();
  for (const options of [{}, { 'syslog-tls-ca-cert': at('other') }])
    expect(await failure(open(receiver.port, options))).toContain('is gone');
  using sink = await open(receiver.port, { 'syslog-tls-skip-verify': 'true' });
  await sink.send([Buffer.from('anyway')]);
  expect(await receiver.text(7)).toBe('anyway\n');
});

test('files that are missing or hold no certificate are named', async () => {
  for (const [name, why] of [
    [at('nowhere'), 'ENOENT'],
    [at('empty'), 'not in PEM form'],
    [folder, 'not a file'],
  ] as const)
    expect(await failure(open(1, { 'syslog-tls-ca-cert': name }))).toMatch(
      new RegExp(`cannot use ${name}: .*${why}`),
    );
});

test('options that make no sense are refused', () => {
  const parse = (options: Record<string, string>) => (): unknown =>
    parseSyslogOptions({ 'syslog-address': 'tcp+tls://h', ...options });
  expect(parse({})()).toMatchObject({ address: { protocol: 'tls', host: 'h', port: 514 } });
  expect(parse({ 'syslog-tls-cert': '/a' })).toThrow('belong together');
  expect(parse({ 'syslog-tls-ca-cert': 'relative' })).toThrow('absolute path');
});
