import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { readOutput } from '../../src/engine/build/output/read-output.ts';
import { produce } from '../../src/engine/build/output/produce.ts';
import type { BuildOutput, PlatformResult } from '../../src/engine/build/output/output.ts';
import type { BuildRequest } from '../../src/engine/build/solve/types.ts';
import { archiveContext } from '../../src/engine/build/solve/types.ts';
import type { TarEntry } from '../../src/foundation/archive/tar-entry.ts';
import { hostPlatform, parsePlatform } from '../../src/foundation/oci/platform.ts';
import { sha256 } from '../../src/foundation/oci/digest.ts';
import { formatReference } from '../../src/foundation/oci/reference.ts';
import { openImages, type OpenImages } from '../images/open-images.ts';
import { imageOf, layerOf, referenceIn } from '../images/samples.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { tarOf } from '../registry/sample-image.ts';
import { readTar } from './read-tar.ts';

const noAttestations = () => undefined;

describe('outputs of a build', () => {
  let at: OpenImages;
  let registry: HostileRegistry;
  let result: PlatformResult;
  let other: PlatformResult;
  const top = tarOf({ 'srv/page': 'hello\n', 'etc/hosts': 'mine\n' });
  beforeAll(async () => {
    at = await openImages();
    registry = await startHostileRegistry();
    registry.add('base', 'v1', imageOf([layerOf({ 'bin/tool': 'x'.repeat(5000) })]));
    const base = await at.images.pull({ reference: referenceIn(registry, 'base:v1') });
    const made = await at.images.compose({
      base: base.image.id,
      layer: Readable.from([top]),
      run: { Cmd: ['run'] },
      createdAtMs: 0,
    });
    result = { platform: hostPlatform(), image: made.id };
    const arm = await at.images.compose({
      layer: Readable.from([tarOf({ arm: 'yes' })]),
      run: {},
      createdAtMs: 0,
      platform: parsePlatform('linux/arm64'),
    });
    other = { platform: parsePlatform('linux/arm64'), image: arm.id };
  });
  afterAll(async () => {
    await at[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  const sink = new Map<number, Promise<Buffer>>();
  const request = (outputs: readonly BuildOutput[], more: Partial<BuildRequest> = {}): BuildRequest => ({
    context: archiveContext(Readable.from([])),
    dockerfile: 'Dockerfile',
    tags: [],
    arguments: new Map(),
    labels: {},
    noCache: false,
    pull: false,
    network: 'default',
    outputs,
    onProgress: () => true,
    drained: () => Promise.resolve(),
    client: {
      receive(output) {
        const stream = new PassThrough();
        sink.set(output, buffer(stream));
        return stream;
      },
    },
    ...more,
  });
  const output = (type: string, attributes: Record<string, string> = {}) => readOutput({ type, attributes });
  const make = (asked: BuildRequest, results: readonly PlatformResult[] = [result]) =>
    produce({ images: at.images }, { request: asked, results, attestations: noAttestations });
  const received = async (place = 0): Promise<Map<string, { entry: TarEntry; content: Buffer }>> =>
    readTar((await sink.get(place)) ?? Buffer.alloc(0));

  test('an image for the store is named and nothing of it is made anew', async () => {
    const before = await at.content.list();
    const name = referenceIn(registry, 'plain:1');
    const done = await make(request([], { tags: [name] }));
    const record = at.images.resolve(formatReference(name));
    expect(record.id).toBe(result.image);
    expect(done.digest).toBe(record.manifestDigest);
    expect(done.metadata).toMatchObject({
      'containerimage.digest': record.manifestDigest,
      'containerimage.config.digest': record.id,
      'image.name': formatReference(name),
    });
    expect((await at.content.list()).length).toBe(before.length);
  });

  test('what is pushed is compressed, the base is mounted, and no bytes of it stay behind', async () => {
    const before = new Set((await at.content.list()).map(({ digest }) => digest));
    const name = referenceIn(registry, 'pushed:1');
    const done = await make(request([output('registry')], { tags: [name] }));
    const pushed = registry.manifest('pushed', '1');
    const manifest = JSON.parse(String(pushed?.bytes)) as { layers: { mediaType: string; digest: string }[] };
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual([
      'application/vnd.oci.image.layer.v1.tar+gzip',
      'application/vnd.oci.image.layer.v1.tar+gzip',
    ]);
    expect(registry.holders(manifest.layers[1]?.digest ?? '')).toContain('pushed');
    expect(done.digest).toBe(sha256(pushed?.bytes ?? Buffer.alloc(0)));
    expect(new Set((await at.content.list()).map(({ digest }) => digest))).toEqual(before);
    expect(() => at.images.resolve(formatReference(name))).toThrow('No such image');
    const again = await make(request([output('registry')], { tags: [referenceIn(registry, 'pushed:2')] }));
    expect(again.digest).toBe(done.digest);
  });

  test('several platforms are one index, in the store and at the registry', async () => {
    const name = referenceIn(registry, 'many:1');
    const annotations = output('image', { push: 'true', 'annotation-index.who': 'me', 'annotation.a': 'b' });
    const done = await make(request([annotations], { tags: [name] }), [result, other]);
    const index = JSON.parse(String(registry.manifest('many', '1')?.bytes)) as {
      annotations: object;
      manifests: { digest: string; platform: object }[];
    };
    expect(index.annotations).toEqual({ who: 'me' });
    expect(index.manifests.map(({ platform }) => platform)).toEqual([hostPlatform(), other.platform]);
    const own = JSON.parse(
      String(registry.manifest('many', index.manifests[0]?.digest ?? '')?.bytes),
    ) as object;
    expect(own).toMatchObject({ annotations: { a: 'b' } });
    expect(at.images.variants(formatReference(name)).map(({ id }) => id)).toEqual([
      result.image,
      other.image,
    ]);
    expect((await at.images.descriptor(at.images.resolve(formatReference(name)).id)).digest).toBe(
      done.digest ?? ('' as never),
    );
    expect(at.images.resolve(formatReference(name)).digests).toContain(
      formatReference({ host: name.host, path: name.path, ...(done.digest ? { digest: done.digest } : {}) }),
    );
  });

  test('attestations stand in the index as those of BuildKit, and come along wherever it goes', async () => {
    const name = referenceIn(registry, 'attested:1');
    const statement = Buffer.from('{"_type":"https://in-toto.io/Statement/v0.1"}');
    const about: string[] = [];
    const asked = request([output('image', { push: 'true' }), output('oci')], { tags: [name] });
    const done = await produce(
      { images: at.images },
      {
        request: asked,
        results: [result],
        attestations: () => async (_result, manifest) => {
          about.push(manifest.digest);
          return await Promise.resolve([
            { predicateType: 'https://slsa.dev/provenance/v1', bytes: statement },
          ]);
        },
      },
    );
    const index = JSON.parse(String(registry.manifest('attested', '1')?.bytes)) as {
      manifests: { digest: string; platform: object; annotations?: object }[];
    };
    const [own, attestation] = index.manifests;
    expect(about).toEqual([own?.digest ?? '', own?.digest ?? '']);
    expect(attestation).toMatchObject({
      platform: { architecture: 'unknown', os: 'unknown' },
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': own?.digest ?? '',
      },
    });
    const manifest = JSON.parse(
      String(registry.manifest('attested', attestation?.digest ?? '')?.bytes),
    ) as object;
    expect(manifest).toMatchObject({
      layers: [
        {
          mediaType: 'application/vnd.in-toto+json',
          digest: sha256(statement),
          annotations: { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v1' },
        },
      ],
    });
    const here = await at.images.manifests(at.images.resolve(formatReference(name)).id);
    expect(here.map(({ kind, isAvailable }) => [kind.is, isAvailable])).toEqual([
      ['image', true],
      ['attestation', true],
    ]);
    expect([...(await received(1)).keys()]).toContain(`blobs/${sha256(statement).replace(':', '/')}`);
    await using elsewhere = await openImages();
    const pulled = await elsewhere.images.pull({ reference: name, platform: 'all' });
    expect(pulled.digest).toBe(done.digest ?? sha256('nothing'));
    expect(await elsewhere.content.find(sha256(statement))).toBeDefined();
  });

  test('an OCI layout holds the layers as they were asked for', async () => {
    const asked = output('oci', {
      name: 'two.example/x:2',
      compression: 'zstd',
      'force-compression': 'true',
      'annotation-manifest-descriptor.d': 'e',
    });
    await make(request([output('cacheonly'), asked]));
    const files = await received(1);
    expect([...files.keys()]).not.toContain('manifest.json');
    const index = JSON.parse(String(files.get('index.json')?.content)) as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    expect(index.manifests[0]?.annotations).toMatchObject({
      d: 'e',
      'io.containerd.image.name': 'two.example/x:2',
      'org.opencontainers.image.ref.name': '2',
    });
    const blob = (digest = ''): Buffer =>
      files.get(`blobs/${digest.replace(':', '/')}`)?.content ?? Buffer.alloc(0);
    const manifest = JSON.parse(String(blob(index.manifests[0]?.digest))) as {
      layers: { digest: string; mediaType: string }[];
    };
    for (const { mediaType } of manifest.layers) expect(mediaType).toEndWith('tar+zstd');
    expect(zstdDecompressSync(blob(manifest.layers[1]?.digest)).equals(top)).toBe(true);
  });

  test("Docker's archive is loaded again as it was", async () => {
    const asked = output('docker', { name: 'docker.example/y:3', 'oci-mediatypes': 'false' });
    await make(request([asked]));
    const files = await received();
    expect(JSON.parse(String(files.get('manifest.json')?.content))).toMatchObject([
      { RepoTags: ['docker.example/y:3'] },
    ]);
    await using elsewhere = await openImages();
    const archive = Readable.from([(await sink.get(0)) ?? '']);
    expect(await elsewhere.images.load(archive, {})).toMatchObject([{ id: result.image }]);
  });

  test('files are those of the image alone: nothing that a container would find besides', async () => {
    await make(request([output('tar'), output('local')]));
    const files = await received();
    expect([...files.keys()].filter((name) => !name.endsWith('/')).toSorted()).toEqual([
      'bin/tool',
      'etc/hosts',
      'srv/page',
    ]);
    expect(String(files.get('etc/hosts')?.content)).toBe('mine\n');
    expect((await sink.get(1))?.equals((await sink.get(0)) ?? Buffer.alloc(0))).toBe(true);
    await make(request([output('local')]), [result, other]);
    const names = [...(await received()).keys()];
    expect(names).toContain('linux_arm64/arm');
    expect(names.some((name) => /^linux_\w+\/srv\/page$/.test(name))).toBe(true);
  });

  test('compression with gzip gives the same bytes as what is unpacked', async () => {
    await make(request([output('oci', { 'compression-level': '1' })]));
    const layers = [...(await received())].filter(([, { content }]) => content[0] === 0x1f);
    expect(layers.some(([, { content }]) => gunzipSync(content).equals(top))).toBe(true);
  });

  test('a registry that refuses leaves no name here', async () => {
    const name = { ...referenceIn(registry, 'gone:1'), host: '127.0.0.1:9' };
    const failure = await make(request([output('image', { push: 'true' })], { tags: [name] })).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(Error);
    expect(() => at.images.resolve(formatReference(name))).toThrow('No such image');
  });
});
