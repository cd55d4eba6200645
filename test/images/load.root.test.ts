import { afterEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { LoadedImage, Progress } from '../../src/engine/image/transfers.ts';
import { formatMember } from '../../src/foundation/archive/tar-writer.ts';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { digestOf, sampleImage, type SampleImage, tarOf } from '../registry/sample-image.ts';
import { openImages, type OpenImages } from './open-images.ts';
import { bigLayer, imageOf, layerBlobs, layerOf, layoutOf } from './samples.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: unpacking layers needs root');
const hasSkopeo = spawnSync('skopeo', ['--version']).status === 0;
if (!hasSkopeo) console.log('skipped in part: there is no skopeo to write archives');

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'silo-load-'));
  folders.push(folder);
  return folder;
}

function load(open: OpenImages, archive: Buffer | Readable, more: object = {}): Promise<LoadedImage[]> {
  // In odd pieces, as a socket gives them.
  const pieces = (bytes: Buffer): Buffer[] =>
    Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, i) =>
      bytes.subarray(i * 1000, (i + 1) * 1000),
    );
  return open.images.load(archive instanceof Readable ? archive : Readable.from(pieces(archive)), more);
}
async function failure(work: Promise<unknown>): Promise<{ kind: string; message: string; code: string }> {
  try {
    await work;
  } catch (error) {
    return toSiloError(error);
  }
  throw new Error('it succeeded');
}
async function expectNothing(open: OpenImages): Promise<void> {
  expect(open.images.list()).toEqual([]);
  expect(await open.layers.list()).toEqual([]);
  expect(await open.content.list()).toEqual([]);
  expect(readdirSync(join(open.root, 'content', 'ingest'))).toEqual([]);
}
/** The image as Docker before 25 saves it: layers first, uncompressed, the document last. */
function dockerArchive(image: SampleImage, tags: string[]): Record<string, Buffer> {
  const [config] = image.blobs;
  if (!config) throw new Error('an image without a configuration');
  const layers = layerBlobs(image).map((blob, index) => ({
    path: `layer${index}/layer.tar`,
    bytes: gunzipSync(blob.bytes),
  }));
  const manifest = [
    { Config: `${config.digest.slice(7)}.json`, RepoTags: tags, Layers: layers.map((layer) => layer.path) },
  ];
  return {
    ...Object.fromEntries(
      layers.flatMap(({ path, bytes }) => [
        [`${dirname(path)}/VERSION`, Buffer.from('1.0')],
        [`${dirname(path)}/json`, Buffer.from('{}')],
        [path, bytes],
      ]),
    ),
    [`${config.digest.slice(7)}.json`]: config.bytes,
    'manifest.json': Buffer.from(JSON.stringify(manifest)),
  };
}

describe.if(isRoot)('load', () => {
  test.each([
    ['plain', (bytes: Buffer) => bytes],
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
  ])("Docker's archive of old, %s", async (_, compress) => {
    await using open = await openImages();
    const image = sampleImage();
    const progress: Progress[] = [];
    const archive = compress(tarOf(dockerArchive(image, ['app:1', 'reg.example/app:2'])));
    const loaded = await load(open, archive, { onProgress: (each: Progress) => progress.push(each) });
    expect(loaded).toEqual([
      { id: image.blobs[0]?.digest as never, tags: ['docker.io/library/app:1', 'reg.example/app:2'] },
    ]);
    expect(open.images.resolve('app:1').layers).toHaveLength(2);
    expect(open.images.resolve('app:1').digests).toEqual([]);
    expect(progress.flatMap((each) => (each.kind === 'loaded' ? [each.reference] : []))).toEqual([
      'app:1',
      'reg.example/app:2',
    ]);
    expect(open.events.map((event) => event.action)).toEqual(['load']);
    // Two layers, configuration, manifest: nothing else of the archive stays.
    expect(await open.content.list()).toHaveLength(4);
  });

  test('an OCI layout keeps its manifest, and Docker’s newer archive its names beside it', async () => {
    await using open = await openImages();
    const image = sampleImage();
    const layout = layoutOf(image, 'team/app:1');
    const [first] = await load(open, tarOf(layout));
    expect(first?.tags).toEqual(['docker.io/team/app:1']);
    const paths = layerBlobs(image).map((blob) => `blobs/${blob.digest.replace(':', '/')}`);
    const manifest = [
      { Config: `blobs/${image.blobs[0]?.digest.replace(':', '/')}`, RepoTags: ['other:2'], Layers: paths },
    ];
    await load(open, tarOf({ ...layout, 'manifest.json': Buffer.from(JSON.stringify(manifest)) }));
    const record = open.images.resolve('other:2');
    expect(record.tags).toEqual(['docker.io/library/other:2', 'docker.io/team/app:1']);
    expect(record.manifestDigest as string).toBe(image.documents[0]?.digest ?? '');
  });

  test('an image without a name is loaded by its id', async () => {
    await using open = await openImages();
    const progress: Progress[] = [];
    const [loaded] = await load(open, tarOf(layoutOf(sampleImage(), 'latest')), {
      onProgress: (each: Progress) => progress.push(each),
    });
    expect(loaded?.tags).toEqual([]);
    expect(progress.at(-1)).toEqual({ kind: 'loaded', id: loaded?.id as never });
  });

  test('layers that are links to layers of another image are found', async () => {
    await using open = await openImages();
    const image = imageOf([layerOf({ a: '1' })]);
    const files = dockerArchive(image, ['app:1']);
    const link = formatMember({
      type: 'symlink',
      name: 'linked/layer.tar',
      linkName: '../layer0/layer.tar',
      mode: 0o777,
      uid: 0,
      gid: 0,
      mtime: { sec: 0, nsec: 0 },
    });
    files['manifest.json'] = Buffer.from(
      (files['manifest.json'] ?? Buffer.alloc(0)).toString().replace('layer0/layer.tar', 'linked/layer.tar'),
    );
    await load(open, Buffer.concat([link, tarOf(files)]));
    expect(open.images.resolve('app:1').layers).toHaveLength(1);
  });

  test.if(hasSkopeo)('archives that skopeo writes', async () => {
    await using open = await openImages();
    const folder = temporaryFolder();
    const layout = join(folder, 'layout');
    for (const [path, bytes] of Object.entries(layoutOf(sampleImage(), 'v1'))) {
      mkdirSync(join(layout, dirname(path)), { recursive: true });
      writeFileSync(join(layout, path), bytes);
    }
    for (const kind of ['docker-archive', 'oci-archive']) {
      const file = join(folder, `${kind}.tar`);
      const copied = spawnSync('skopeo', ['copy', '-q', `oci:${layout}:v1`, `${kind}:${file}:app:${kind}`]);
      expect(copied.stderr.toString()).toBe('');
      const [loaded] = await load(open, createReadStream(file));
      expect(loaded?.id as string).toBe(sampleImage().blobs[0]?.digest ?? '');
    }
    expect(open.images.resolve('app:docker-archive').tags).toContain('docker.io/library/app:docker-archive');
    expect(open.unpacks()).toBe(2);
  });

  test('large layers are unpacked once, while the archive still comes', async () => {
    await using open = await openImages();
    const image = imageOf([bigLayer(), layerOf({ small: 'x' }), bigLayer()]);
    const archive = tarOf(dockerArchive(image, ['app:1']));
    await load(open, archive);
    expect(open.unpacks()).toBe(3);
    for (const chainId of open.images.resolve('app:1').layers)
      expect(await open.layers.find(chainId)).toMatchObject({ sizeBytes: expect.any(Number) });
    expect(readdirSync(join(open.root, 'snapshots', 'layers'))).toHaveLength(3);
    await load(open, archive);
    expect(open.unpacks()).toBe(3);
  });

  test('a large layer may stand twice in an image', async () => {
    await using open = await openImages();
    const layer = bigLayer();
    await load(open, tarOf(dockerArchive(imageOf([layer, layer]), ['app:1'])));
    expect(await open.layers.list()).toHaveLength(2);
  });

  test('a large layer that belongs to no image, or is not what it should be, leaves nothing', async () => {
    await using open = await openImages();
    const [good, other] = [bigLayer(), bigLayer()];
    const lying = imageOf([{ bytes: good.bytes, diffId: other.diffId }]);
    expect((await failure(load(open, tarOf(dockerArchive(lying, ['app:1']))))).kind).toBe('corrupt');
    await expectNothing(open);
    expect(readdirSync(join(open.root, 'snapshots', 'layers'))).toEqual([]);
    const stray = gunzipSync(other.bytes);
    await load(open, tarOf({ 'stray.tar': stray, ...dockerArchive(sampleImage(), ['app:1']) }));
    expect(await open.layers.list()).toHaveLength(2);
    expect(readdirSync(join(open.root, 'snapshots', 'layers'))).toHaveLength(2);
    expect(await open.content.list()).toHaveLength(4);
  });

  const [config, ...layers] = Object.entries(dockerArchive(sampleImage(), ['app:1']));
  const whole = Object.fromEntries([config, ...layers].filter((entry) => entry !== undefined));
  const without = (path: string): Record<string, Buffer> =>
    Object.fromEntries(Object.entries(whole).filter(([name]) => name !== path));
  const layout = layoutOf(sampleImage(), 'app:1');
  const firstBlob = Object.keys(layout)[1] ?? '';
  test.each([
    ['an archive without documents', tarOf(without('manifest.json')), 'invalid'],
    ['an archive without a layer', tarOf(without('layer0/layer.tar')), 'not-found'],
    [
      'an archive without the configuration',
      tarOf({ 'manifest.json': whole['manifest.json'] ?? '' }),
      'invalid',
    ],
    ['an archive that is cut off', tarOf(whole).subarray(0, 2000), 'corrupt'],
    ['something that is no archive', Buffer.alloc(5000, 'x'), 'corrupt'],
    ['nothing at all', Buffer.alloc(0), 'invalid'],
    ['a document that is no JSON', tarOf({ ...whole, 'manifest.json': '[{' }), 'corrupt'],
    ['a document of the wrong shape', tarOf({ ...whole, 'manifest.json': '{"a":1}' }), 'invalid'],
    ['a layer with another content', tarOf({ ...whole, 'layer0/layer.tar': tarOf({ x: 'y' }) }), 'corrupt'],
    ['a blob that is not its name', tarOf({ ...layout, [firstBlob]: 'other' }), 'corrupt'],
    ['a bad gzip', Buffer.concat([gzipSync(tarOf(whole)).subarray(0, 200), Buffer.alloc(100)]), 'corrupt'],
    ['a bzip2', Buffer.from('BZh91AY&SY'), 'unsupported'],
  ])('%s: refused, and nothing stays', async (_, archive, kind) => {
    await using open = await openImages();
    expect((await failure(load(open, archive))).kind).toBe(kind);
    await expectNothing(open);
  });

  test('a client that goes in the middle leaves nothing', async () => {
    await using open = await openImages();
    const archive = tarOf(dockerArchive(imageOf([bigLayer(), bigLayer()]), ['app:1']));
    const leave = new AbortController();
    async function* hangUp(): AsyncGenerator<Buffer> {
      yield archive.subarray(0, 7_000_000);
      leave.abort();
      yield archive.subarray(7_000_000);
      throw new Error('aborted');
    }
    await failure(load(open, Readable.from(hangUp()), { signal: leave.signal }));
    expect(open.images.list()).toEqual([]);
    expect(readdirSync(join(open.root, 'content', 'ingest'))).toEqual([]);
    expect(await open.images.sweep()).toEqual({ reclaimedBytes: expect.any(Number) as never });
    await expectNothing(open);
  });
});

describe.if(isRoot)('import', () => {
  test('a root file system becomes a one-layer image with the changes', async () => {
    await using open = await openImages();
    const tar = tarOf({ 'bin/app': 'x' });
    for (const archive of [tar, gzipSync(tar), zstdCompressSync(tar)]) {
      const id = await open.images.import(Readable.from([archive]), {
        changes: ['CMD ["/bin/app"]', 'ENV A=b'],
        createdAtMs: 86_400_000,
        message: 'by hand',
      });
      const image = open.images.resolve(id);
      expect(image.config).toMatchObject({
        config: { Cmd: ['/bin/app'], Env: ['A=b'] },
        rootfs: { diff_ids: [digestOf(tar)] },
        history: [{ created: '1970-01-02T00:00:00.000Z', comment: 'by hand' }],
      });
    }
    expect(open.images.list()).toHaveLength(1);
    expect(open.events.map((event) => event.action)).toEqual(['import', 'import', 'import']);
  });

  test('something that is no archive, or a bad change, leaves nothing', async () => {
    await using open = await openImages();
    const bad = open.images.import(Readable.from([Buffer.alloc(3000, 'x')]), {});
    expect((await failure(bad)).kind).toBe('corrupt');
    const run = open.images.import(Readable.from([tarOf({ a: 'b' })]), { changes: ['RUN x'] });
    expect((await failure(run)).kind).toBe('invalid');
    await expectNothing(open);
  });
});
