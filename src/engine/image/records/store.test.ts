import { expect, test } from 'bun:test';
import { openDatabase } from '../../../foundation/db/database.ts';
import { chainIds } from '../../../foundation/oci/chain-id.ts';
import { sha256 } from '../../../foundation/oci/digest.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewImage } from './records.ts';
import { findImage, resolveImage } from '../names/resolve.ts';
import { createImageStore } from './store.ts';

function newImage(seed: string, created = '2024-05-01T00:00:00Z'): NewImage {
  const diffId = sha256(`${seed} layer`);
  return {
    id: sha256(`${seed} config`),
    manifestDigest: sha256(`${seed} manifest`),
    config: {
      architecture: 'amd64',
      os: 'linux',
      created,
      config: { Env: ['PATH=/bin'], Labels: { seed } },
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: Array.from({ length: 10 }, (_, step) => ({ created, created_by: `RUN step ${step}` })),
    },
    form: 'unpacked',
    contentBytes: 50,
    layers: chainIds([diffId]).map((chainId) => ({ chainId, sizeBytes: 100 })),
    blobs: [sha256(`${seed} config`), sha256(`${seed} manifest`), diffId],
  };
}

function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'silo-store-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test('what was published is there after the database is opened again', () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'db');
  const a = newImage('a');
  const b = newImage('b', '2025-01-01T00:00:00Z');
  const digest = `docker.io/library/x@${a.manifestDigest}`;
  {
    using database = openDatabase(path);
    const store = createImageStore(database);
    store.publish([a], { tags: ['docker.io/library/x:1'], digests: [digest] }, 5);
    store.publish([b], { tags: ['docker.io/library/x:2'], digests: [] }, 6);
    store.setTag('docker.io/library/x:1', { image: b.id, target: b.manifestDigest }, 7);
  }
  using database = openDatabase(path);
  const store = createImageStore(database);
  expect(
    store.list().map(({ id, tags, digests, taggedAtMs }) => ({ id, tags, digests, taggedAtMs })),
  ).toEqual([
    { id: b.id, tags: ['docker.io/library/x:1', 'docker.io/library/x:2'], digests: [], taggedAtMs: 7 },
    { id: a.id, tags: [], digests: [digest], taggedAtMs: 5 },
  ]);
  expect(store.find(a.id)?.config).toEqual(a.config);
  expect(store.find(a.id)?.sizeBytes).toBe(100);
  store.remove([], a.id);
  expect(store.findDigest(digest)).toBeUndefined();
  expect([a, b].map((image) => store.hasBlob(image.manifestDigest))).toEqual([false, true]);
});

test('a thousand images are read in a moment', () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'db');
  {
    using database = openDatabase(path, { relaxed: true });
    const store = createImageStore(database);
    database.transaction(() => {
      for (let i = 0; i < 1000; i++)
        store.publish([newImage(`${i}`)], { tags: [`docker.io/library/n:${i}`], digests: [] }, i);
    });
  }
  using database = openDatabase(path);
  const started = performance.now();
  const store = createImageStore(database);
  expect(store.list()).toHaveLength(1000);
  // Alone it takes about 25 ms; the bound is for a machine that is busy with other tests.
  expect(performance.now() - started).toBeLessThan(10_000);
});

test('names, ids and beginnings of ids are resolved in Docker’s order', () => {
  using database = openDatabase(':memory:');
  const store = createImageStore(database);
  const image = newImage('a');
  const hex = image.id.slice('sha256:'.length);
  const digest = `docker.io/library/app@${image.manifestDigest}`;
  store.publish(
    [image],
    { tags: ['docker.io/library/app:latest', 'docker.io/library/app:1'], digests: [digest] },
    1,
  );
  const names = [
    'app',
    'app:1',
    'docker.io/library/app',
    `app@${image.manifestDigest}`,
    `app:9@${image.manifestDigest}`,
  ];
  for (const name of names)
    expect(findImage(store, name)).toMatchObject({ image: { id: image.id }, name: {} });
  for (const id of [hex, image.id, hex.slice(0, 12), `sha256:${hex.slice(0, 8)}`]) {
    expect(resolveImage(store, id).id).toBe(image.id);
    expect(findImage(store, id).name).toBeUndefined();
  }
  // A name counts more than the beginning of an id.
  const other = newImage('b');
  store.publish([other], { tags: [`docker.io/library/${hex.slice(0, 5)}:latest`], digests: [] }, 2);
  expect(resolveImage(store, hex.slice(0, 5)).id).toBe(other.id);
});

test('what is not there is told as Docker tells it', () => {
  using database = openDatabase(':memory:');
  const store = createImageStore(database);
  const absent = sha256('absent');
  expect(() => resolveImage(store, 'x')).toThrow('No such image: x:latest');
  expect(() => resolveImage(store, 'reg.example/a/b:1')).toThrow('No such image: reg.example/a/b:1');
  expect(() => resolveImage(store, absent)).toThrow(`No such image: ${absent}`);
  expect(() => resolveImage(store, absent.slice(7))).toThrow(`No such image: ${absent}`);
  expect(() => resolveImage(store, 'Bad Name')).toThrow();
});
