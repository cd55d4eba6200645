import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { readCertificates } from '../../src/resources/distribution/certificates.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.log('skipped: openssl, which makes the certificates, is not installed');

describe.skipIf(!hasOpenssl)('certificates by host', () => {
  const stack = new AsyncDisposableStack();
  let folder = '';
  let host = '';
  let seen: { authorized: boolean }[] = [];
  let strict = '';
  const at = (file: string): string => join(folder, file);
  const openssl = (words: string): void => {
    const made = spawnSync('openssl', words.split(' '), { cwd: folder });
    if (made.status !== 0) throw new Error(made.stderr.toString());
  };
  const sign = async (name: string): Promise<void> => {
    const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
    openssl(`req ${key} -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`);
    await writeFile(at('names'), 'subjectAltName=IP:127.0.0.1');
    openssl(
      `x509 -req -in ${name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out ${name}.crt`,
    );
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'silo-certificates-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    openssl(
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt',
    );
    await sign('server');
    await sign('client');
    const read = (file: string): Promise<string> => readFile(at(file), 'utf8');
    const serve = async (rejectUnauthorized: boolean): Promise<string> => {
      const server = createServer(
        {
          key: await read('server.key'),
          cert: await read('server.crt'),
          ca: await read('ca.crt'),
          requestCert: true,
          rejectUnauthorized,
        },
        (request, response) => {
          seen.push({ authorized: (request.socket as TLSSocket).authorized });
          response.end('{}');
        },
      );
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      stack.defer(() => {
        server.closeAllConnections();
        server.close();
      });
      return `127.0.0.1:${(server.address() as AddressInfo).port}`;
    };
    host = await serve(false);
    strict = await serve(true);
  });
  afterAll(() => stack.disposeAsync());
  beforeEach(async () => {
    seen = [];
    for (const each of ['one', 'two']) await rm(at(each), { recursive: true, force: true });
  });

  const ask = async (of = host): Promise<string> => {
    using transport = createTransport(
      { headersMs: 5000, idleMs: 5000 },
      undefined,
      readCertificates([at('one'), at('two')]),
    );
    const request = {
      url: new URL(`https://${of}/v2/`),
      headers: {},
      reach: 'named',
      verifyTls: true,
    } as const;
    try {
      const reply = await transport.send(request);
      reply.discard();
      return String(reply.status);
    } catch (error) {
      const { code, message } = toSiloError(error);
      return `${code}: ${message}`;
    }
  };
  const put = async (directory: string, name: string, files: Record<string, string>): Promise<void> => {
    await mkdir(at(`${directory}/${name}`), { recursive: true });
    for (const [file, source] of Object.entries(files))
      await copyFile(at(source), at(`${directory}/${name}/${file}`));
  };

  test('an authority of its own makes a registry trusted, without a restart, and only that host and port', async () => {
    expect(await ask()).toStartWith('bad-certificate');
    await put('two', '127.0.0.1', { 'ca.crt': 'ca.crt' });
    expect(await ask()).toStartWith('bad-certificate');
    await put('two', host, { 'ca.crt': 'ca.crt' });
    expect(await ask()).toBe('200');
    expect(seen).toEqual([{ authorized: false }]);
  });

  test('a client certificate is presented with its key', async () => {
    await put('one', host, { 'ca.crt': 'ca.crt', 'client.cert': 'client.crt', 'client.key': 'client.key' });
    expect(await ask()).toBe('200');
    expect(seen).toEqual([{ authorized: true }]);
  });

  test('a registry that wants one and gets none is told from one that nobody vouches for', async () => {
    await put('one', strict, { 'ca.crt': 'ca.crt' });
    expect(await ask(strict)).toMatch(/^client-certificate: .*remote error: tls: certificate required$/);
    await put('one', strict, { 'client.cert': 'client.crt', 'client.key': 'client.key' });
    expect(await ask(strict)).toBe('200');
    expect(seen).toEqual([{ authorized: true }]);
  });

  test('the first folder that knows the host counts', async () => {
    await put('one', host, {});
    await put('two', host, { 'ca.crt': 'ca.crt' });
    expect(await ask()).toStartWith('bad-certificate');
  });

  test.each([
    [{ 'client.cert': 'client.crt' }, 'missing key client.key for client certificate client.cert'],
    [{ 'client.key': 'client.key' }, 'missing client certificate client.cert for key client.key'],
    [{ 'ca.crt': 'names' }, 'holds no certificate or key in PEM form'],
    [{ 'client.cert': 'client.crt', 'client.key': 'server.key' }, 'certificates in'],
  ])('a folder that is not whole is named: %j', async (files, reason) => {
    await put('one', host, files);
    const answer = await ask();
    expect(answer).toStartWith('bad-certificates: ');
    expect(answer).toContain(reason);
    expect(seen).toEqual([]);
  });
});
