import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { createReadStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { randomBytes } from 'node:crypto';
import type { CacheExport, CacheImport } from '../../src/engine/build/cache-transfer/cache-transfer.ts';
import { type BuildRecords, exportCaches } from '../../src/engine/build/cache-transfer/export-cache.ts';
import { type ImportedCache, openImports } from '../../src/engine/build/cache-transfer/import-cache.ts';
import { readCacheExport, readCacheImport } from '../../src/engine/build/cache-transfer/read-words.ts';
import { archiveContext, type BuildProgress, type BuildRequest } from '../../src/engine/build/solve/types.ts';
import { type Digest, type ImageId, sha256 } from '../../src/foundation/oci/digest.ts';
import { hostPlatform } from '../../src/foundation/oci/platform.ts';
import { formatReference } from '../../src/foundation/oci/reference.ts';
import { openImages, type OpenImages } from '../images/open-images.ts';
import { imageOf, layerOf, referenceIn } from '../images/samples.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { answer } from '../registry/misbehaviours.ts';
import { tarOf } from '../registry/sample-image.ts';
import { readTar } from './read-tar.ts';

const never = new AbortController().signal;
const key = (name: string): Digest => sha256(`key ${name}`);

describe('a cache that goes to another engine', () => {
  let registry: HostileRegistry;
  let here: OpenImages;
  let there: OpenImages;
  let records: BuildRecords;
  let first: ImageId;
  let second: ImageId;
  let side: ImageId;
  const base = imageOf([layerOf({ 'bin/base': randomBytes(20_000) })]);

  beforeAll(async () => {
    registry = await startHostileRegistry();
    registry.add('base', 'v1', base);
    here = await openImages();
    const { image } = await here.images.pull({ reference: referenceIn(registry, 'base:v1') });
    const step = async (on: ImageId | undefined, name: string): Promise<ImageId> =>
      (
        await here.images.compose({
          ...(on ? { base: on } : {}),
          layer: Readable.from([tarOf({ [name]: randomBytes(3000) })]),
          run: {},
          createdAtMs: 0,
          createdBy: `RUN ${name}`,
        })
      ).id;
    first = await step(image.id, 'first');
    second = await step(first, 'second');
    side = await step(image.id, 'side');
    records = {
      results: [
        { key: key('first'), image: first },
        { key: key('second'), image: second },
        { key: key('side'), image: side },
      ],
      contents: [{ origin: key('origin'), content: key('content') }],
      bases: [image.id],
    };
  });
  beforeEach(async () => {
    there = await openImages();
    await there.images.pull({ reference: referenceIn(registry, 'base:v1') });
    registry.requests.length = 0;
  });
  afterEach(async () => {
    registry.behave();
    told.length = 0;
    await there[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    await here[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  const told: BuildProgress[] = [];
  const warnings = (): string[] => told.flatMap((each) => (each.kind === 'warning' ? [each.message] : []));
  const request = (more: Partial<BuildRequest>): BuildRequest => ({
    context: archiveContext(Readable.from([])),
    dockerfile: 'Dockerfile',
    tags: [],
    arguments: new Map(),
    labels: {},
    noCache: false,
    pull: false,
    network: 'default',
    onProgress: (progress) => told.push(progress) > 0,
    drained: () => Promise.resolve(),
    ...more,
  });
  const to = (name: string, more: Record<string, string> = {}): CacheExport =>
    readCacheExport({ type: 'registry', attributes: { ref: `${registry.host}/${name}`, ...more } });
  const from = (name: string): CacheImport =>
    readCacheImport({ type: 'registry', attributes: { ref: `${registry.host}/${name}` } });
  const give = (...cacheTo: CacheExport[]): Promise<void> =>
    exportCaches({ images: here.images }, request({ cacheTo }), {
      records,
      results: [{ platform: hostPlatform(), image: second }],
    });
  const take = (...cacheFrom: CacheImport[]): Promise<ImportedCache | undefined> =>
    openImports({ images: there.images }, request({ cacheFrom }));
  const fetched = (): string[] =>
    registry.requests
      .filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'))
      .map((each) => each.path);

  test('layers come when they are wanted, and only those; the image is the same', async () => {
    await give(to('cache:max', { mode: 'max' }));
    const cache = await take(from('cache:max'));
    expect(fetched()).toHaveLength(1);
    expect(cache?.findContent(key('origin'))).toBe(key('content'));
    expect(cache?.findLayers(key('first'))).toHaveLength(2);
    expect(await cache?.bring(key('unknown'), never)).toBeUndefined();
    expect(fetched()).toHaveLength(1);
    expect(await cache?.bring(key('side'), never)).toBe(side);
    expect(fetched()).toHaveLength(2);
    expect(await cache?.bring(key('second'), never)).toBe(second);
    expect(await cache?.bring(key('first'), never)).toBe(first);
    expect(fetched()).toHaveLength(4);
    expect(there.images.resolve(second).config).toEqual(here.images.resolve(second).config);
    expect(warnings()).toEqual([]);
  });

  test("the short form has what the result consists of; the layers of bases are nobody's", async () => {
    await give(to('cache:min', { compression: 'zstd' }));
    const manifest = JSON.parse(String(registry.manifest('cache', 'min')?.bytes)) as {
      config: { mediaType: string };
      layers: { mediaType: string }[];
    };
    expect(manifest.config.mediaType).toBe('application/vnd.silo.buildcache.config.v1+json');
    expect(manifest.layers.map(({ mediaType }) => mediaType.split('+')[1])).toEqual(['zstd', 'zstd']);
    const cache = await take(from('cache:min'));
    expect(await cache?.bring(key('side'), never)).toBeUndefined();
    expect(await cache?.bring(key('second'), never)).toBe(second);
  });

  test('a folder is read file by file, and what is damaged in it is left alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'silo-cache-'));
    try {
      let sent: Promise<Buffer> | undefined;
      const local = readCacheExport({ type: 'local', attributes: { mode: 'max' } });
      await exportCaches(
        { images: here.images },
        request({
          cacheTo: [local],
          client: {
            receive() {
              const stream = new PassThrough();
              sent = buffer(stream);
              return stream;
            },
          },
        }),
        { records, results: [] },
      );
      const files = readTar((await sent) ?? Buffer.alloc(0));
      const names = [...files.keys()].filter((name) => !name.endsWith('/'));
      // Whoever stops in the middle has no index.
      expect(names.indexOf('index.json')).toBeGreaterThan(
        names.findLastIndex((name) => name.startsWith('blobs/')),
      );
      for (const name of names) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), files.get(name)?.content ?? '');
      }
      const asked: string[] = [];
      const client: BuildRequest['client'] = {
        cached(_source, path) {
          asked.push(path);
          return Promise.resolve(createReadStream(join(folder, path)));
        },
      };
      const open = () =>
        openImports({ images: there.images }, request({ cacheFrom: [{ type: 'local' }], client }));
      const cache = await open();
      expect(asked).toHaveLength(3);
      expect(await cache?.bring(key('first'), never)).toBe(first);
      expect(asked).toHaveLength(4);
      const layer = names.find((name) => !asked.includes(name) && name.startsWith('blobs/')) ?? '';
      for (const damaged of [randomBytes(100), Buffer.alloc(1 << 20)]) {
        writeFileSync(join(folder, layer), damaged);
        const again = await open();
        const found = [await again?.bring(key('second'), never), await again?.bring(key('side'), never)];
        expect(found.filter(Boolean)).toHaveLength(1);
        expect(warnings().at(-1)).toContain('a step of a cache cannot be used');
      }
      rmSync(join(folder, 'index.json'));
      expect(await open().catch(() => 'failed')).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('a registry that is away, lies, or has something else costs a warning', async () => {
    await give(to('cache:lies', { mode: 'max' }));
    const documents: [string | undefined, string][] = [
      [undefined, 'has no cache of a build'],
      ['not json', 'not valid JSON'],
      ['{"version":7}', 'another version'],
      ['{"version":1,"images":[{"layers":[99]}]}', 'names what it does not have'],
      ['{"version":1,"layers":[{"diffId":"../../etc"}]}', 'digest'],
      [`{"version":1,"results":[${'{},'.repeat(60_000)}{}]}`, 'more than the limit'],
    ];
    for (const [annotation, message] of documents) {
      const image = imageOf([layerOf({ x: 'x' })]);
      const [manifest] = image.documents;
      const document = JSON.parse(String(manifest?.bytes)) as object;
      const annotations = annotation === undefined ? {} : { 'silo.buildcache.v1': annotation };
      const bytes = Buffer.from(JSON.stringify({ ...document, annotations }));
      registry.add('odd', 'v1', {
        ...image,
        documents: [{ bytes, digest: sha256(bytes), mediaType: manifest?.mediaType ?? '' }],
      });
      expect(await take(from('odd:v1'))).toBeUndefined();
      expect(warnings().at(-1)).toContain(message);
    }
    expect(await take(from('nowhere:v1'))).toBeUndefined();
    registry.misbehave({ path: /\/blobs\/sha256:/, act: answer(200, 'x'.repeat(100)) });
    expect(await take(from('cache:lies'))).toBeUndefined();
    registry.behave();
    const cache = await take(from('cache:lies'));
    registry.misbehave({ path: '/blobs/', act: answer(404) });
    expect(await cache?.bring(key('side'), never)).toBeUndefined();
    expect(there.images.list()).toHaveLength(1);
  }, 60_000);

  test('layers that say something else than their diff ids make no image', async () => {
    const lie = layerOf({ 'bin/sh': 'evil' });
    const honest = here.images.resolve(first).config.rootfs.diff_ids;
    const image = imageOf([lie]);
    const [manifest] = image.documents;
    const document = JSON.parse(String(manifest?.bytes)) as object;
    const annotation = JSON.stringify({
      version: 1,
      layers: [{ diffId: honest[0] }, { diffId: honest[1], place: 0 }],
      images: [{ layers: [0, 1], architecture: 'amd64', os: 'linux' }],
      results: [{ key: key('first'), image: 0 }],
    });
    const bytes = Buffer.from(
      JSON.stringify({ ...document, annotations: { 'silo.buildcache.v1': annotation } }),
    );
    registry.add('lie', 'v1', {
      ...image,
      documents: [{ bytes, digest: sha256(bytes), mediaType: manifest?.mediaType ?? '' }],
    });
    const cache = await take(from('lie:v1'));
    expect(await cache?.bring(key('first'), never)).toBeUndefined();
    expect(warnings().at(-1)).toContain('a step of a cache cannot be used');
    expect(there.images.list()).toHaveLength(1);
  });

  test('a registry that refuses fails the build, unless that is to be ignored', async () => {
    registry.misbehave({ path: '/uploads', act: answer(500) });
    registry.misbehave({ path: '/manifests/', act: answer(403) });
    expect(await give(to('refused:1')).catch(() => 'failed')).toBe('failed');
    await give(to('refused:1', { 'ignore-error': 'true' }));
    expect(warnings().at(-1)).toContain('the cache was not exported');
    expect(formatReference(referenceIn(registry, 'refused:1'))).toContain('refused');
  }, 60_000);
});
