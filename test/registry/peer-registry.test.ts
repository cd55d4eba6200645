import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { parseImageConfig } from '../../src/foundation/oci/image-config.ts';
import { parsePlatform } from '../../src/foundation/oci/platform.ts';
import { type Reference, parseReference } from '../../src/foundation/oci/reference.ts';
import { openContentStore } from '../../src/resources/content/content-store.ts';
import type { RegistryAccess } from '../../src/resources/distribution/distribution.ts';
import { fetchBlob } from '../../src/resources/distribution/fetch-blob.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { fetchSmallBlob, resolveImage } from '../../src/resources/distribution/resolve-image.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { type PeerRegistry, missingPeers, peerUser, startPeerRegistry } from './peer-registry.ts';
import { sampleImage, sampleIndex } from './sample-image.ts';

const missing = missingPeers();
if (missing.length > 0) console.log(`skipped: not installed: ${missing.join(', ')}`);

const image = sampleImage({
  architecture: 'amd64',
  layers: [
    { 'data/noise': randomBytes(700_000) },
    { 'etc/greeting': 'hello\n' },
    { 'bin/tool': '#!/bin/sh\n' },
  ],
});
const index = sampleIndex({ 'linux/amd64': image, 'linux/arm64': sampleImage({ architecture: 'arm64' }) });

async function pull(reference: Reference, access: RegistryAccess): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'silo-peer-pull-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const content = await openContentStore(folder);
  const transport = undo.use(createTransport());
  const client = createRegistryClient({ transport, access });
  const { manifest, documents } = await resolveImage({
    client,
    reference,
    platform: parsePlatform('linux/amd64'),
  });
  expect(documents).toHaveLength(2);
  expect(Buffer.from(documents[0].bytes)).toEqual(index.documents[0]?.bytes ?? Buffer.alloc(0));
  const config = await fetchSmallBlob({
    client,
    reference,
    descriptor: manifest.config,
    limitBytes: 100_000,
  });
  expect(parseImageConfig(config, manifest.layers.length).architecture).toBe('amd64');
  const stored = await Promise.all(
    manifest.layers.map((descriptor) => fetchBlob({ client, reference, descriptor, content }).done),
  );
  for (const [position, { path }] of stored.entries())
    expect(await readFile(path)).toEqual(image.blobs[position + 1]?.bytes ?? Buffer.alloc(0));
}

for (const password of [false, true]) {
  describe.skipIf(missing.length > 0)(
    `docker-registry ${password ? 'with a password' : 'open to all'}`,
    () => {
      let registry: PeerRegistry;
      beforeAll(async () => {
        registry = await startPeerRegistry({ password });
        await registry.push('team/app:v1', index);
      });
      afterAll(() => registry[Symbol.asyncDispose]());
      const access: RegistryAccess = { insecure: [], ...(password ? { credentials: peerUser } : {}) };

      test('serves a multi-layer image for two platforms that skopeo put there', async () => {
        await pull(parseReference(`${registry.host}/team/app:v1`), access);
      });

      test('resumes a blob by range', async () => {
        using transport = createTransport();
        const client = createRegistryClient({ transport, access });
        const reference = parseReference(`${registry.host}/team/app:v1`);
        const { manifest } = await resolveImage({
          client,
          reference,
          platform: parsePlatform('linux/amd64'),
        });
        const [layer] = manifest.layers;
        if (layer === undefined) throw new Error('no layer');
        const { startsAt, body } = await client.blob(reference, layer, { offset: 500_000 });
        const rest = Buffer.concat(await Array.fromAsync(body));
        expect(startsAt).toBe(500_000);
        expect(rest).toEqual(image.blobs[1]?.bytes.subarray(500_000) ?? Buffer.alloc(0));
      });

      test('names what it has not in its own words', async () => {
        using transport = createTransport();
        const client = createRegistryClient({ transport, access });
        const messages = await Promise.all(
          ['team/app:v9', 'team/other:v1'].map((name) =>
            client
              .manifest(parseReference(`${registry.host}/${name}`))
              .then(String, (error: unknown) => toSiloError(error).message),
          ),
        );
        expect(messages).toEqual([
          `manifest for ${registry.host}/team/app:v9 not found: manifest unknown: manifest unknown`,
          `manifest for ${registry.host}/team/other:v1 not found: manifest unknown: manifest unknown`,
        ]);
      });

      if (!password) return;
      test('refuses those without and with a wrong password', async () => {
        using transport = createTransport();
        const reference = parseReference(`${registry.host}/team/app:v1`);
        for (const [credentials, code, message] of [
          [undefined, 'no-credentials', 'no basic auth credentials'],
          [{ username: 'ali', password: 'guess' }, 'unauthorized', 'unauthorized: authentication required'],
        ] as const) {
          const client = createRegistryClient({
            transport,
            access: { insecure: [], ...(credentials ? { credentials } : {}) },
          });
          const error = toSiloError(await client.manifest(reference).catch((thrown: unknown) => thrown));
          expect(error).toMatchObject({ kind: 'unauthorized', code });
          expect(error.message).toContain(message);
        }
      });
    },
  );
}
