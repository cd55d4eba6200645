import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { silentLog } from '../base/log.ts';
import { issueRevocationList } from '../x509/revocation-list.ts';
import { readBody } from './body.ts';
import type { HttpServer, TlsIdentity } from './http.ts';
import { createHttpServer } from './server.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.log('skipped: openssl, which makes the certificates, is not installed');

describe.skipIf(!hasOpenssl)('a server behind TLS', () => {
  const stack = new AsyncDisposableStack();
  const identities: Record<string, TlsIdentity> = {};
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'silo-door-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    for (const name of ['one', 'two']) {
      const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
      const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name} -addext subjectAltName=DNS:localhost,IP:127.0.0.1`;
      const made = spawnSync('openssl', [...words.split(' '), '-keyout', key, '-out', cert]);
      if (made.status !== 0) throw new Error(made.stderr.toString());
      identities[name] = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
    }
  });
  afterAll(() => stack.disposeAsync());

  const identity = (name: string): TlsIdentity => identities[name] ?? { cert: '', key: '' };
  const start = async (tls: TlsIdentity, idleMs?: number): Promise<{ server: HttpServer; port: number }> => {
    const server = createHttpServer(
      async (exchange) => {
        const body = await readBody(exchange, 1 << 20);
        exchange.send(200, { type: 'text/plain', data: `got ${body.length}` });
      },
      silentLog,
      { audience: 'anybody', tls, ...(idleMs === undefined ? {} : { idleMs }) },
    );
    stack.defer(() => server.close());
    const bound = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    return { server, port: bound.kind === 'tcp' ? bound.port : 0 };
  };
  const post = (port: number, options: { ca: string; cert?: string; key?: string }): Promise<string> =>
    new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port, method: 'POST', agent: false, ...options }, (reply) => {
        let text = '';
        reply.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(text));
      });
      call.on('error', reject).end('hello');
    });
  const closed = (port: number, ...sent: string[]): Promise<unknown> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        for (const text of sent) socket.write(text);
      });
      socket
        .on('error', () => undefined)
        .on('close', resolve)
        .resume();
    });

  test('answers whom its certificate convinces, and changes it without an interruption', async () => {
    const { server, port } = await start(identity('one'));
    expect(await post(port, { ca: identity('one').cert })).toBe('got 5');
    server.renew(identity('two'));
    expect(await post(port, { ca: identity('two').cert })).toBe('got 5');
    expect(post(port, { ca: identity('one').cert })).rejects.toThrow();
    expect(() => server.renew({ ...identity('two'), key: identity('one').key })).toThrow(
      'not usable together',
    );
    expect(await post(port, { ca: identity('two').cert })).toBe('got 5');
  });

  test('asks clients for a certificate of their own', async () => {
    const { port } = await start({ ...identity('one'), clientCa: identity('two').cert });
    const ca = identity('one').cert;
    expect(await post(port, { ca, ...identity('two') })).toBe('got 5');
    expect(post(port, { ca })).rejects.toThrow();
    expect(post(port, { ca, ...identity('one') })).rejects.toThrow();
  });

  test('refuses whose certificate was issued by one that its authority has revoked', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'silo-chain-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const openssl = (words: string): void => {
      const made = spawnSync('openssl', words.split(' '), { cwd: folder });
      if (made.status !== 0) throw new Error(made.stderr.toString());
    };
    const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
    const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
    await writeFile(join(folder, 'middle.ext'), 'basicConstraints=critical,CA:TRUE\n');
    await writeFile(join(folder, 'leaf.ext'), 'basicConstraints=CA:FALSE\n');
    openssl(`req -x509 ${newKey} -days 2 -subj /CN=root -keyout root.key -out root.crt`);
    for (const [name, issuer] of [
      ['middle', 'root'],
      ['leaf', 'middle'],
    ] as const) {
      openssl(`req ${newKey} -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`);
      const authority = `-CA ${issuer}.crt -CAkey ${issuer}.key -CAcreateserial -extfile ${name}.ext`;
      openssl(`x509 -req -in ${name}.csr ${authority} -days 2 -out ${name}.crt`);
    }
    const [root, middle] = [await text('root.crt'), await text('middle.crt')];
    const { serialNumber: serial } = new X509Certificate(middle);
    const listOf = async (...revoked: { serial: string; at: Date }[]): Promise<string> =>
      issueRevocationList(
        { revoked, from: new Date(), to: undefined },
        { cert: root, key: await text('root.key') },
      );
    const tls = { ...identity('one'), clientCa: root };
    const { server, port } = await start({ ...tls, revoked: await listOf() });
    const client = { cert: (await text('leaf.crt')) + middle, key: await text('leaf.key') };
    expect(await post(port, { ca: tls.cert, ...client })).toBe('got 5');
    server.renew({ ...tls, revoked: await listOf({ serial, at: new Date() }) });
    const answer = await post(port, { ca: tls.cert, ...client }).catch(() => 'refused');
    expect(answer).toBe('refused');
  });

  test('cuts a connection on which nothing moves', async () => {
    const { port } = await start(identity('one'), 300);
    await closed(port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc');
    await closed(port);
  });

  test('is not disturbed by those who speak no TLS, and closes', async () => {
    const { server, port } = await start(identity('one'));
    await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    expect(await post(port, { ca: identity('one').cert })).toBe('got 5');
    const open = closed(port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n');
    await server.close();
    await open;
  });

  test('a certificate that is none is refused at once', async () => {
    const refused = expect(start({ cert: 'x', key: 'y' })).rejects;
    refused.toMatchObject({ kind: 'invalid', code: 'bad-certificate' });
  });
});
