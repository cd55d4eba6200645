import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { type HostileRegistry, startHostileRegistry } from './hostile-registry.ts';
import { redirectTo } from './misbehaviours.ts';
import { sampleImage } from './sample-image.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.log('skipped: openssl, which makes the certificate, is not installed');

describe.skipIf(!hasOpenssl)('a registry with a certificate that nobody vouches for', () => {
  const stack = new AsyncDisposableStack();
  const image = sampleImage();
  let registry: HostileRegistry;
  let plain: HostileRegistry;
  const transport = stack.use(createTransport({ headersMs: 2000, idleMs: 2000 }));
  const client = createRegistryClient({ transport, access: { insecure: [] } });

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'silo-tls-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const words =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=registry.test';
    const made = spawnSync('openssl', [...words.split(' '), '-keyout', key, '-out', cert]);
    if (made.status !== 0) throw new Error(made.stderr.toString());
    const tls = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
    registry = stack.use(await startHostileRegistry({ tls }));
    plain = stack.use(await startHostileRegistry());
    registry.add('team/app', 'v1', image);
    plain.add('team/app', 'v1', image);
  });
  afterAll(() => stack.disposeAsync());

  test('is used on loopback, over TLS', async () => {
    const found = await client.manifest(parseReference(`${registry.host}/team/app:v1`));
    expect(found.digest).toBe(parseDigest(image.documents[0]?.digest ?? ''));
  });

  test('is refused elsewhere, with the way out', async () => {
    const url = new URL(`${registry.origin}/v2/`);
    const error = toSiloError(
      await transport
        .send({ url, headers: {}, reach: 'named', verifyTls: true })
        .catch((thrown: unknown) => thrown),
    );
    expect(error).toMatchObject({ kind: 'unavailable', code: 'bad-certificate' });
    expect(error.message).toContain('tls: failed to verify certificate');
  });

  test('cannot lead to plain HTTP', async () => {
    registry.misbehave({ path: '/manifests/', act: redirectTo(plain.origin) });
    const reference = parseReference(`${registry.host}/team/app:v1`);
    const error = toSiloError(await client.manifest(reference).catch((thrown: unknown) => thrown));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'bad-redirect' });
    expect(error.message).toContain('from HTTPS to plain HTTP');
    expect(plain.requests).toEqual([]);
  });
});
