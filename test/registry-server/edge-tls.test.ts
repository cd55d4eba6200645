import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { readCertificates } from '../../src/resources/distribution/certificates.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { missingPeers, writeOciLayout } from '../registry/peer-registry.ts';
import { sampleImage } from '../registry/sample-image.ts';
import { type EdgeRegistry, skopeo, startEdge, users } from './edge-harness.ts';

const missing = [
  ...missingPeers().filter((program) => program === 'skopeo'),
  ...(spawnSync('openssl', ['version']).status === 0 ? [] : ['openssl']),
];
if (missing.length > 0) console.log(`skipped: ${missing.join(' and ')} not installed`);

describe.skipIf(missing.length > 0)('a registry behind TLS', () => {
  const stack = new AsyncDisposableStack();
  let folder: string;
  const file = (name: string): string => join(folder, name);
  const openssl = (...words: string[]): void => {
    const made = spawnSync('openssl', words);
    if (made.status !== 0) throw new Error(made.stderr.toString());
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  /** Signed by our own authority. */
  const issue = (name: string): void => {
    openssl(
      'req',
      ...key,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.csr`),
    );
    const signed = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2'];
    openssl(
      'x509',
      '-req',
      '-in',
      file(`${name}.csr`),
      ...signed,
      '-extfile',
      file('names'),
      '-out',
      file(`${name}.crt`),
    );
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'silo-edge-tls-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    openssl(
      'req',
      '-x509',
      ...key,
      '-days',
      '2',
      '-subj',
      '/CN=authority',
      '-keyout',
      file('ca.key'),
      '-out',
      file('ca.crt'),
    );
    await writeFile(file('names'), 'subjectAltName=IP:127.0.0.1\n');
    for (const name of ['server', 'other', 'client']) issue(name);
    await writeOciLayout(file('layout'), sampleImage());
  });
  afterAll(() => stack.disposeAsync());

  const start = async (options: Parameters<typeof startEdge>[0]): Promise<EdgeRegistry> => {
    await mkdir(file('live'), { recursive: true });
    await copyFile(file('server.crt'), file('live/tls.crt'));
    await copyFile(file('server.key'), file('live/tls.key'));
    const tls = { 'tls-cert': file('live/tls.crt'), 'tls-key': file('live/tls.key') };
    return stack.use(await startEdge({ ...tls, ...options }, { users }));
  };
  const certificates = async (name: string, withClient: boolean): Promise<string> => {
    const path = file(name);
    await mkdir(path, { recursive: true });
    await copyFile(file('ca.crt'), join(path, 'ca.crt'));
    if (withClient) {
      await copyFile(file('client.crt'), join(path, 'client.cert'));
      await copyFile(file('client.key'), join(path, 'client.key'));
    }
    return path;
  };
  const push = (edge: EdgeRegistry, folderOfCertificates: string, ...words: string[]) =>
    skopeo(
      'copy',
      `--dest-cert-dir=${folderOfCertificates}`,
      ...words,
      `oci:${file('layout')}:latest`,
      `docker://${edge.host}/team/app:v1`,
    );
  const nameOf = (edge: EdgeRegistry): Promise<string> =>
    new Promise((resolve, reject) => {
      const [host = '', port = ''] = edge.host.split(':');
      const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', reject);
    });

  test('is used by skopeo and by our own client with an authority of their own', async () => {
    const edge = await start({ htpasswd: '@users' });
    const trusted = await certificates('trusted', false);
    expect(await push(edge, trusted, '--dest-creds=ali:open-sesame')).toMatchObject({ code: 0 });
    const stranger = await skopeo('inspect', '--creds=ali:open-sesame', `docker://${edge.host}/team/app:v1`);
    expect(stranger.text).toContain('x509');
    await certificates(`certs.d/${edge.host}`, false);
    using transport = createTransport(undefined, undefined, readCertificates([file('certs.d')]));
    const credentials = { username: 'ali', password: 'open-sesame' };
    const client = createRegistryClient({ transport, access: { insecure: [], credentials } });
    const found = await client.manifest(parseReference(`${edge.host}/team/app:v1`));
    expect(found.digest as string).toBe(sampleImage().documents[0]?.digest ?? '');
  });

  test('takes a changed certificate while it runs, and keeps the old one meanwhile', async () => {
    const edge = await start({});
    expect(await nameOf(edge)).toBe('server');
    await copyFile(file('other.crt'), file('live/tls.crt'));
    await edge.server.reload();
    expect(await nameOf(edge)).toBe('server');
    await copyFile(file('other.key'), file('live/tls.key'));
    await edge.server.reload();
    expect(await nameOf(edge)).toBe('other');
    expect(edge.log.join('')).toContain('the certificate is not used');
  });

  test('takes it by itself when the files change', async () => {
    const edge = await start({});
    await copyFile(file('other.key'), file('live/tls.key'));
    await copyFile(file('other.crt'), file('live/tls.crt'));
    const told = (): boolean => edge.log.some((line) => line.includes('the certificate was read'));
    while (!told()) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await nameOf(edge)).toBe('other');
  });

  test('asks clients for a certificate', async () => {
    const edge = await start({ 'tls-client-ca': file('ca.crt') });
    expect((await push(edge, await certificates('plain', false))).code).not.toBe(0);
    expect(await push(edge, await certificates('with-client', true))).toMatchObject({ code: 0 });
    expect(await readFile(file('ca.crt'), 'utf8')).toContain('CERTIFICATE');
  });
});
