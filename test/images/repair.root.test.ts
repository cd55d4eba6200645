import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { readdirSync, truncateSync, writeFileSync, chmodSync, utimesSync, statSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import type { ImageRecord } from '../../src/engine/image/image.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import * as bad from '../registry/misbehaviours.ts';
import { openImages, type OpenImages } from './open-images.ts';
import { imageOf, layerOf, referenceIn } from './samples.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: unpacking layers needs root');

let registry: HostileRegistry;
let names = 0;
beforeAll(async () => void (registry = await startHostileRegistry()));
afterAll(() => registry[Symbol.asyncDispose]());
beforeEach(() => registry.behave());

const image = imageOf([layerOf({ 'etc/one': 'one\n' }), layerOf({ noise: randomBytes(200_000) })]);

async function pull(open: OpenImages): Promise<{ record: ImageRecord; name: string }> {
  const name = `repair/image${names++}`;
  registry.add(name, 'v1', image);
  const { image: record } = await open.images.pull({ reference: referenceIn(registry, `${name}:v1`) });
  return { record, name };
}
interface Finding {
  kind: string;
  message: string;
  done: unknown;
}
/** Runs the check; with `repair` each finding is mended at once, as the engine does. */
async function check(open: OpenImages, repair: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  const moveAside = async (path: string): Promise<string> => {
    const place = `${open.root}/aside-${findings.length}`;
    await rename(path, place);
    return place;
  };
  for await (const damage of open.images.check({ rehash: true, moveAside })) {
    let done: unknown = 'cannot be repaired';
    if (repair && damage.repair)
      done = await damage.repair().catch((error: unknown) => toSiloError(error).message);
    findings.push({ kind: damage.kind, message: damage.message, done });
  }
  return findings;
}
const blobPath = (open: OpenImages, place: number): string =>
  join(open.root, 'content/blobs/sha256', image.blobs[place]?.digest.slice(7) ?? '');
async function layerPath(open: OpenImages, record: ImageRecord, place: number): Promise<string> {
  const chainId = record.layers[place];
  const layer = chainId && (await open.layers.find(chainId));
  if (!layer) throw new Error('no such layer');
  return layer.path;
}

describe.skipIf(!isRoot)('a check of images', () => {
  test('finds nothing in what is sound, and leaves nothing behind', async () => {
    await using open = await openImages();
    await pull(open);
    expect(await check(open, true)).toEqual([]);
    expect(readdirSync(join(open.root, 'snapshots/layers'))).toHaveLength(2);
  }, 60_000);

  test('fetches damaged blobs again: layer, configuration and manifest', async () => {
    await using open = await openImages();
    const { record, name } = await pull(open);
    const manifest = join(open.root, 'content/blobs/sha256', record.manifestDigest.slice(7));
    for (const path of [blobPath(open, 0), blobPath(open, 1), manifest]) {
      chmodSync(path, 0o600);
      truncateSync(path, 10);
    }
    expect((await check(open, false)).map(({ kind }) => kind)).toEqual([
      'damaged-blob',
      'damaged-blob',
      'damaged-blob',
    ]);
    for (let round = 0; round < 2; round++) await check(open, true);
    expect(await check(open, false)).toEqual([]);
    const again = await open.content.readSmall(record.manifestDigest);
    expect(Buffer.from(again).equals(image.documents[0]?.bytes ?? Buffer.alloc(0))).toBe(true);
    expect(registry.requests.some(({ path }) => path.includes(`${name}/blobs/`))).toBe(true);
  }, 60_000);

  test('says clearly when the registry does not give a blob again', async () => {
    await using open = await openImages();
    await pull(open);
    chmodSync(blobPath(open, 2), 0o600);
    truncateSync(blobPath(open, 2), 10);
    registry.misbehave({ path: '/', act: bad.refuse(404, 'NAME_UNKNOWN', 'gone') });
    const [finding] = await check(open, true);
    expect(finding?.kind).toBe('damaged-blob');
    expect(finding?.done).toContain('cannot be fetched again');
  }, 60_000);

  test('finds one changed byte in a layer, also of the same size and time, and unpacks it again', async () => {
    await using open = await openImages();
    const { record } = await pull(open);
    const file = join(await layerPath(open, record, 0), 'etc/one');
    const { atime, mtime } = statSync(file);
    writeFileSync(file, 'onE\n');
    utimesSync(file, atime, mtime);
    const [found, ...others] = await check(open, false);
    expect(others).toEqual([]);
    expect(found?.message).toContain('(content of /etc/one): it can be unpacked again');
    // Not while a container has it.
    open.users.layersInUse = () => record.layers;
    expect((await check(open, true)).map(({ done }) => done)).toEqual(['cannot be repaired']);
    open.users.layersInUse = () => [];
    await check(open, true);
    expect(await check(open, false)).toEqual([]);
    expect(await Bun.file(join(await layerPath(open, record, 0), 'etc/one')).text()).toBe('one\n');
  }, 60_000);

  test('fetches and unpacks a layer of which nothing is here any more', async () => {
    await using open = await openImages(undefined, { dropPackedLayers: true });
    const { record } = await pull(open);
    const [, top] = record.layers;
    if (!top) throw new Error('two layers');
    await open.layers.remove(top);
    expect((await check(open, true)).map(({ kind }) => kind)).toEqual(['missing-layer']);
    expect(await check(open, false)).toEqual([]);
  }, 60_000);
});

describe.skipIf(!isRoot)('compressed layers that are dropped once unpacked', () => {
  const dropped = async (open: OpenImages): Promise<boolean[]> =>
    Promise.all(
      image.blobs.map(
        async ({ digest }) =>
          !(await Bun.file(join(open.root, 'content/blobs/sha256', digest.slice(7))).exists()),
      ),
    );

  test('come back byte for byte for a push and a save', async () => {
    await using open = await openImages(undefined, { dropPackedLayers: true });
    const { record, name } = await pull(open);
    expect(await dropped(open)).toEqual([false, true, true]);
    const target = referenceIn(registry, `${name}-copy:v1`);
    await open.images.tag(record.id, target);
    await open.images.push({ reference: target });
    expect(registry.manifest(`${name}-copy`, 'v1')?.digest).toBe(image.documents[0]?.digest ?? '');
    expect(await dropped(open)).toEqual([false, false, false]);
  }, 60_000);

  test('and that their registry no longer has are missed with a clear error', async () => {
    await using open = await openImages(undefined, { dropPackedLayers: true });
    const { record, name } = await pull(open);
    const chunks: Uint8Array[] = [];
    for await (const chunk of open.images.save({ names: [record.tags[0] ?? ''] })) chunks.push(chunk);
    expect(Buffer.concat(chunks).length).toBeGreaterThan(200_000);
    registry.misbehave({ path: '/blobs/', act: bad.refuse(404, 'BLOB_UNKNOWN', 'gone') });
    await open.images.pull({ reference: referenceIn(registry, `${name}:v1`) });
    expect(await dropped(open)).toEqual([false, true, true]);
    const error = toSiloError(
      await (async () => {
        for await (const _ of open.images.save({ names: [record.tags[0] ?? ''] }));
      })().catch((thrown: unknown) => thrown),
    );
    expect([error.kind, error.code]).toEqual(['not-found', 'layer-bytes-missing']);
    expect(error.hint).toContain('the registry that it was pulled from does not give the layer');
  }, 60_000);
});
