import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { parsePlatform } from '../../src/foundation/oci/platform.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { openContentStore } from '../../src/resources/content/content-store.ts';
import { fetchBlob } from '../../src/resources/distribution/fetch-blob.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { createRegistryPublisher } from '../../src/resources/distribution/registry-publisher.ts';
import { resolveImage } from '../../src/resources/distribution/resolve-image.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { run } from '../e2e/run.ts';
import { writeOciLayout } from '../registry/peer-registry.ts';
import { sampleImage, sampleIndex } from '../registry/sample-image.ts';
import { type LocalRegistry, startLocalRegistry } from './harness.ts';

const hasSkopeo = spawnSync('skopeo', ['--version'], { stdio: 'ignore' }).error === undefined;
if (!hasSkopeo) console.log('skipped: skopeo and the registry server: skopeo is not installed');

const image = sampleImage({
  architecture: 'amd64',
  layers: [{ 'data/noise': randomBytes(700_000) }, { 'etc/greeting': 'hello\n' }],
});
const index = sampleIndex({ 'linux/amd64': image, 'linux/arm64': sampleImage({ architecture: 'arm64' }) });

let undo: AsyncDisposableStack;
let folder: string;
let local: LocalRegistry;
beforeAll(async () => {
  undo = new AsyncDisposableStack();
  folder = await mkdtemp(join(tmpdir(), 'silo-registry-clients-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  local = undo.use(await startLocalRegistry());
});
afterAll(() => undo.disposeAsync());

describe.skipIf(!hasSkopeo)('skopeo', () => {
  const skopeo = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(['skopeo', '--insecure-policy', ...words]);
    expect(code === 0 ? '' : stderr).toBe('');
    return stdout;
  };
  const name = (path: string): string => `docker://${local.host}/${path}`;
  const push = ['--dest-tls-verify=false'];
  const pull = ['--src-tls-verify=false'];

  test('copies a multi-platform index in and out with its digests', async () => {
    const layout = join(folder, 'index');
    await writeOciLayout(layout, index);
    await skopeo('copy', '--all', ...push, `oci:${layout}:latest`, name('sk/multi:1'));
    await skopeo('copy', '--all', ...pull, name('sk/multi:1'), `oci:${join(folder, 'back')}:latest`);
    const back = JSON.parse(await readFile(join(folder, 'back/index.json'), 'utf8')) as {
      manifests: { digest: string }[];
    };
    expect(back.manifests[0]?.digest).toBe(index.documents[0]?.digest ?? '');
    for (const document of index.documents) {
      const got = await fetch(`${local.url}/v2/sk/multi/manifests/${document.digest}`);
      expect(Buffer.from(await got.bytes()).equals(document.bytes)).toBe(true);
    }
  });

  test("pushes Docker's format, reads it, lists and deletes", async () => {
    const layout = join(folder, 'docker');
    await writeOciLayout(layout, image);
    await skopeo('copy', '--format', 'v2s2', ...push, `oci:${layout}:latest`, name('sk/docker:1'));
    await skopeo('copy', ...pull, ...push, name('sk/docker:1'), name('sk/other:2'));
    const inspected = JSON.parse(await skopeo('inspect', '--tls-verify=false', name('sk/docker:1'))) as {
      Architecture: string;
      RepoTags: string[];
    };
    expect(inspected).toMatchObject({ Architecture: 'amd64', RepoTags: ['1'] });
    expect((await fetch(`${local.url}/v2/sk/docker/manifests/1`)).headers.get('content-type')).toBe(
      'application/vnd.docker.distribution.manifest.v2+json',
    );
    await skopeo('delete', '--tls-verify=false', name('sk/docker:1'));
    expect((await fetch(`${local.url}/v2/sk/docker/manifests/1`)).status).toBe(404);
  });

  test('reads a repository on disk as an OCI image layout', async () => {
    const layout = join(folder, 'layout');
    await writeOciLayout(layout, image);
    await skopeo('copy', ...push, `oci:${layout}:latest`, name('sk/on-disk:v1'));
    const raw = await skopeo('inspect', '--raw', `oci:${join(local.root, 'sk/on-disk')}:v1`);
    expect(raw).toBe(image.documents[0]?.bytes.toString() ?? '');
  });
});

test('our own client pushes and pulls', async () => {
  const transport = undo.use(createTransport());
  const access = { insecure: [], pushes: { mountsFrom: [] } };
  const publisher = createRegistryPublisher({ transport, access });
  const reference = parseReference(`${local.host}/own/app:v1`);
  for (const blob of image.blobs)
    await publisher.upload(
      reference,
      { mediaType: blob.mediaType, digest: parseDigest(blob.digest), size: blob.bytes.byteLength },
      {
        async *open({ start, end }) {
          yield blob.bytes.subarray(start, end);
        },
      },
    );
  const [document] = image.documents;
  if (document === undefined) throw new Error('an image without a manifest');
  await publisher.putManifest(reference, {
    mediaType: document.mediaType,
    digest: parseDigest(document.digest),
    bytes: document.bytes,
  });
  const client = createRegistryClient({ transport, access });
  const resolved = await resolveImage({ client, reference, platform: parsePlatform('linux/amd64') });
  const content = await openContentStore(join(folder, 'content'));
  for (const descriptor of resolved.manifest.layers) {
    const { path } = await fetchBlob({ client, reference, descriptor, content }).done;
    const original = image.blobs.find(({ digest }) => digest === descriptor.digest);
    expect((await readFile(path)).equals(original?.bytes ?? Buffer.alloc(0))).toBe(true);
  }
});
