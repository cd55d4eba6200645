import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type SiloError, toSiloError } from '../../src/foundation/base/errors.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { digestOf, tarOf, type SampleImage } from '../registry/sample-image.ts';
import { openImages } from './open-images.ts';
import { imageOf, layerOf, referenceIn } from './samples.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: unpacking layers needs root');

let registry: HostileRegistry;
beforeAll(async () => void (registry = await startHostileRegistry()));
afterAll(() => registry[Symbol.asyncDispose]());
beforeEach(() => registry.behave());

let names = 0;
const serve = (image: SampleImage): ReturnType<typeof referenceIn> => {
  const name = `odd/image${names++}`;
  registry.add(name, 'v1', image);
  return referenceIn(registry, `${name}:v1`);
};
const failure = async (work: Promise<unknown>): Promise<SiloError | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => toSiloError(error),
  );

describe.skipIf(!isRoot)('an odd image', () => {
  const nothing = tarOf({});
  test.each([
    ['without layers', imageOf([])],
    ['of an empty layer', imageOf([{ bytes: gzipSync(nothing), diffId: digestOf(nothing) }])],
    [
      'of the same empty layer twelve times',
      imageOf(Array.from({ length: 12 }, () => ({ bytes: gzipSync(nothing), diffId: digestOf(nothing) }))),
    ],
  ])(
    '%s is pulled, and gone when it is removed',
    async (_, image) => {
      await using open = await openImages();
      const { image: record } = await open.images.pull({ reference: serve(image) });
      expect(record.sizeBytes).toBe(0);
      // Each unpacker is a process: as many layers as an image likes, not as many processes.
      expect(open.peak()).toBeLessThanOrEqual(6);
      await open.images.remove(record.id, { force: true, prune: true });
      expect([await open.layers.list(), await open.content.list()]).toEqual([[], []]);
    },
    60_000,
  );

  test('whose layer has not one byte is pulled or refused, never half there', async () => {
    await using open = await openImages();
    const none = Buffer.alloc(0);
    const mediaType = 'application/vnd.oci.image.layer.v1.tar';
    const reference = serve(imageOf([{ bytes: none, diffId: digestOf(none), mediaType }]));
    const error = await failure(open.images.pull({ reference }));
    expect(open.images.list()).toHaveLength(error ? 0 : 1);
    if (error) expect(await open.content.list()).toEqual([]);
  }, 60_000);

  test('on a disk that gets full at any stage is not visible, the error says so, and space is all it takes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'silo-full-'));
    await using undo = new AsyncDisposableStack();
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    const mount = (...words: string[]): boolean => spawnSync('mount', [...words, folder]).status === 0;
    if (!mount('-t', 'tmpfs', '-o', 'size=64m', 'silo-test'))
      return console.log('skipped: cannot mount a tmpfs');
    undo.defer(() => void spawnSync('umount', ['-l', folder]));
    const stages = new Set<string>();
    // Blob and unpacked layer take 3 MB each.
    const layers = [layerOf({ noise: randomBytes(3_000_000) }), layerOf({ small: 'x' })];
    const image = imageOf(layers);
    for (const spare of [0, 2000, 5900]) {
      await using open = await openImages(folder);
      const used = Number(spawnSync('du', ['-sk', folder]).stdout.toString().split(/\s/)[0]);
      mount('-o', `remount,size=${used + spare}k`);
      const reference = serve(image);
      const error = await failure(open.images.pull({ reference }));
      expect([spare, error?.kind]).toEqual([spare, 'exhausted']);
      expect(open.images.list()).toEqual([]);
      stages.add(String(error?.message));
      mount('-o', 'remount,size=64m');
      const { image: record } = await open.images.pull({ reference });
      await open.images.remove(record.id, { force: true, prune: true });
      expect([await open.layers.list(), await open.content.list()]).toEqual([[], []]);
    }
    expect(stages.size).toBeGreaterThan(1);
  }, 60_000);
});
