import { describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { proxyFromEnvironment } from '../../src/resources/distribution/proxy.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { startHostileRegistry } from './hostile-registry.ts';

interface Proxy extends AsyncDisposable {
  port: number;
  seen: { method: string; target: string; authorization: string | undefined }[];
}

/** A proxy that leads every name to one port of loopback. */
async function startProxy(upstream: { port: number; refuse?: boolean }): Promise<Proxy> {
  const seen: Proxy['seen'] = [];
  const note = (request: http.IncomingMessage): void => {
    const authorization = request.headers['proxy-authorization'];
    seen.push({ method: request.method ?? '', target: request.url ?? '', authorization });
  };
  const server = http.createServer((request, response) => {
    note(request);
    const { pathname } = new URL(request.url ?? '');
    http.get({ host: '127.0.0.1', port: upstream.port, path: pathname }, (reply) => {
      response.writeHead(reply.statusCode ?? 500);
      reply.pipe(response);
    });
  });
  server.on('connect', (request, socket) => {
    note(request);
    if (upstream.refuse) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const through = connect(upstream.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      through.pipe(socket);
      socket.pipe(through);
    });
    through.on('error', () => socket.destroy());
    socket.on('error', () => through.destroy());
    socket.on('close', () => through.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}

const timeouts = { headersMs: 2000, idleMs: 2000 };

describe('a proxy', () => {
  test('is asked for the whole address over plain HTTP', async () => {
    await using registry = await startHostileRegistry();
    await using proxy = await startProxy({ port: Number(registry.host.split(':')[1]) });
    const HTTP_PROXY = `http://me:p%40ss@127.0.0.1:${proxy.port}`;
    using transport = createTransport(timeouts, proxyFromEnvironment({ HTTP_PROXY }));
    const url = new URL('http://registry.test:81/v2/');
    const reply = await transport.send({ url, headers: {}, reach: 'named', verifyTls: true });
    expect(reply.status).toBe(200);
    expect(Buffer.concat(await Array.fromAsync(reply.body)).toString()).toBe('{}');
    const authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    expect(proxy.seen).toEqual([{ method: 'GET', target: 'http://registry.test:81/v2/', authorization }]);
  });

  test('tunnels TLS, whose certificate is still checked', async () => {
    if (spawnSync('openssl', ['version']).status !== 0)
      return console.log('skipped: openssl is not installed');
    const folder = await mkdtemp(join(tmpdir(), 'silo-proxy-'));
    await using undo = new AsyncDisposableStack();
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    const words =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=registry.test';
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    spawnSync('openssl', [...words.split(' '), '-keyout', key, '-out', cert]);
    const tls = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
    await using registry = await startHostileRegistry({ tls });
    await using proxy = await startProxy({ port: Number(registry.host.split(':')[1]) });
    const https_proxy = `127.0.0.1:${proxy.port}`;
    using transport = createTransport(timeouts, proxyFromEnvironment({ https_proxy }));
    const request = { url: new URL('https://registry.test/v2/'), headers: {}, reach: 'named' } as const;
    for (let round = 0; round < 2; round++) {
      const reply = await transport.send({ ...request, verifyTls: false });
      expect(reply.status).toBe(200);
      await Array.fromAsync(reply.body);
    }
    expect(proxy.seen).toEqual([
      { method: 'CONNECT', target: 'registry.test:443', authorization: undefined },
    ]);
    const refused = await transport.send({ ...request, verifyTls: true }).catch((error: unknown) => error);
    expect(toSiloError(refused).code).toBe('bad-certificate');
  });

  test('that refuses is named', async () => {
    await using proxy = await startProxy({ port: 1, refuse: true });
    const HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`;
    using transport = createTransport(timeouts, proxyFromEnvironment({ HTTPS_PROXY }));
    const url = new URL('https://registry.test/v2/');
    const refused = await transport
      .send({ url, headers: {}, reach: 'named', verifyTls: true })
      .catch((error: unknown) => error);
    expect(toSiloError(refused)).toMatchObject({ kind: 'unavailable', code: 'proxy-refused' });
  });

  test.each([
    ['https://registry.test/', '', true],
    ['https://127.0.0.1:5000/', '', false],
    ['https://localhost:5000/', '', false],
    ['https://[::1]:5000/', '', false],
    ['https://registry.test/', '*', false],
    ['https://a.registry.test/', 'registry.test', false],
    ['https://registry.test/', 'other, registry.test', false],
    ['https://registry.test/', '.registry.test', true],
    ['https://a.registry.test/', '.registry.test', false],
    ['https://a.registry.test/', '*.registry.test', false],
    ['https://evilregistry.test/', 'registry.test', true],
    ['https://registry.test/', 'registry.test:444', true],
    ['https://registry.test:444/', 'registry.test:444', false],
    ['https://10.1.2.3/', '10.0.0.0/8', false],
    ['https://10.1.2.3/', '10.1.2.3', false],
    ['https://[fd00::1]/', 'fd00::/8', false],
    ['https://11.1.2.3/', '10.0.0.0/8', true],
    ['http://registry.test/', '', false],
  ])('for %s with NO_PROXY=%j is used: %p', (url, exceptions, expected) => {
    const proxyFor = proxyFromEnvironment({ HTTPS_PROXY: 'http://proxy.test:3128', NO_PROXY: exceptions });
    expect(proxyFor(new URL(url)) !== undefined).toBe(expected);
  });

  test('that is not usable is refused at start, without showing its password', () => {
    expect(() => proxyFromEnvironment({ HTTPS_PROXY: 'socks5://a:secret@x' })).toThrow('not usable');
  });
});
