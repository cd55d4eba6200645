import { afterAll, beforeAll, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { knownFaultPoints } from '../crash/fault-points.ts';
import { digestOf, type LocalRegistry, makeManifest, putManifest, startLocalRegistry } from './harness.ts';
import { serveProcess } from './served-process.ts';
import { blobFiles, expectWhole, withRoot } from './whole-folder.ts';

const layers = Array.from({ length: 3 }, () => randomBytes(60_000).toString('latin1'));
const documents: string[] = [];
/** Room for two of the three; a letter of the layers is up to two bytes. */
const limitBytes = 230_000;
const points = [
  ...knownFaultPoints().filter((name) => name.startsWith('registry.cache.')),
  'distribution.fetch.before-commit',
];

let upstream: LocalRegistry;
let fetched: string[] = [];
beforeAll(async () => {
  upstream = await startLocalRegistry({
    observe({ method, path }) {
      if (method === 'GET' && path.includes('/blobs/')) fetched.push(path);
    },
  });
  for (const [index, layer] of layers.entries()) {
    const repository = `team/app${index}`;
    const document = await makeManifest(upstream.url, repository, { layer });
    await putManifest(upstream.url, { repository, reference: 'v1' }, document);
    documents.push(document);
  }
});
afterAll(() => upstream[Symbol.asyncDispose]());

const words = () => ['--pull-through', `up=${upstream.host}`, '--pull-through-limit', String(limitBytes)];

/** All of one image, as a client takes it. */
async function pull(url: string, index: number): Promise<void> {
  const manifest = await fetch(`${url}/v2/up/team/app${index}/manifests/v1`);
  expect(await manifest.text()).toBe(documents[index] ?? '');
  for (const digest of [digestOf('{}'), digestOf(layers[index] ?? '')]) {
    const blob = await fetch(`${url}/v2/up/team/app${index}/blobs/${digest}`);
    expect(digestOf(await blob.bytes())).toBe(digest);
  }
}

async function cachedBytes(root: string): Promise<number> {
  const sizes = await Promise.all(
    (await blobFiles(root)).map((path) =>
      stat(join(root, path)).then(
        ({ size }) => size,
        // Removed meanwhile.
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What is above the limit is removed behind the answers. */
async function keepingToLimit(cache: string): Promise<void> {
  while ((await cachedBytes(cache)) > limitBytes) await new Promise((resolve) => setImmediate(resolve));
}

for (const point of points)
  test(`a cache that dies at ${point} knows afterwards what it has, and keeps to its limit`, () =>
    withRoot(async (root) => {
      const cache = join(root, '.silo/cache');
      {
        await using dying = await serveProcess(root, { SILO_FAULT: point }, words());
        const pulls = async (): Promise<void> => {
          for (const index of layers.keys()) await pull(dying.url, index);
        };
        await pulls().catch(() => undefined);
        expect(await dying.ended).toBe('SIGKILL');
      }
      await expectWhole(cache);
      await using again = await serveProcess(root, {}, words());
      await keepingToLimit(cache);
      const before = (await blobFiles(cache)).map((path) => path.split('/').at(-1) ?? '');
      fetched = [];
      await pull(again.url, 0);
      // What lay there whole was not fetched once more.
      expect(fetched.filter((path) => before.some((hex) => path.endsWith(hex)))).toEqual([]);
      for (const index of [1, 2, 0]) await pull(again.url, index);
      await expectWhole(cache);
      await keepingToLimit(cache);
    }));
