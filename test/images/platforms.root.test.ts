import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { parsePlatform } from '../../src/foundation/oci/platform.ts';
import { formatReference, parseReference } from '../../src/foundation/oci/reference.ts';
import type { ImageRecord } from '../../src/engine/image/image.ts';
import type { PushProgress } from '../../src/engine/image/transfers.ts';
import { endlessIndexes } from '../registry/misbehaviours.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { openImages, type OpenImages } from './open-images.ts';
import { artifactOf, firstOf, imageOf, layerOf, platformsImage, referenceIn } from './samples.ts';

const { index, own, other, windows, attestation } = platformsImage();
const foreign = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64';
const otherPlatform = parsePlatform(foreign);
const windowsPlatform = parsePlatform('windows/amd64');

let registry: HostileRegistry;
let at: OpenImages;
beforeEach(async () => {
  registry = await startHostileRegistry();
  registry.add('team/app', 'v1', index);
  at = await openImages();
});
afterEach(async () => {
  await at[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const app = (): ReturnType<typeof parseReference> => referenceIn(registry, 'team/app:v1');
const appName = (): string => formatReference(app());
const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(String, (error: unknown) => toSiloError(error).message);
const idOf = (image: typeof own): string => image.blobs[0]?.digest ?? '';
const heldBy = async (open: OpenImages): Promise<string[]> =>
  (await open.content.list()).map(({ digest }) => digest as string).toSorted();
const everything = [...index.documents, ...index.blobs].map(({ digest }) => digest);

async function push(name: string): Promise<{ digest: string; notes: PushProgress[] }> {
  const notes: PushProgress[] = [];
  const reference = referenceIn(registry, name);
  const [done] = await at.images.push({ reference, onProgress: (note) => notes.push(note) });
  return { digest: done?.digest ?? '', notes };
}

async function saved(name: string, platform?: typeof otherPlatform): Promise<Buffer> {
  const request = { names: [name], ...(platform ? { platform } : {}) };
  return Buffer.concat(await Array.fromAsync(at.images.save(request)));
}

describe('an index of several platforms', () => {
  test('is pulled whole: the host’s image is unpacked, everything else is kept as it came', async () => {
    const { image, digest } = await at.images.pull({ reference: app(), platform: 'all' });
    expect([image.id as string, image.form, digest as string]).toEqual([
      idOf(own),
      'unpacked',
      firstOf(index).digest,
    ]);
    expect(at.unpacks()).toBe(2);
    const forms = new Map(at.images.variants(appName()).map(({ id, form }) => [id as string, form]));
    expect(forms.size).toBe(3);
    expect([own, other, windows].map((each) => forms.get(idOf(each)))).toEqual([
      'unpacked',
      'packed',
      'packed',
    ]);
    expect(await heldBy(at)).toEqual([...new Set(everything)].toSorted());
    expect(await at.images.sweep()).toEqual({ reclaimedBytes: 0 });
    expect(await Array.fromAsync(at.images.check({ rehash: false, moveAside: async () => '' }))).toEqual([]);
  });

  test('tells what is in it', async () => {
    const { image } = await at.images.pull({ reference: app(), platform: 'all' });
    expect(await at.images.descriptor(image.id)).toMatchObject({
      digest: firstOf(index).digest,
      mediaType: firstOf(index).mediaType,
    });
    const told = await at.images.manifests(image.id);
    expect(told.map(({ kind, isAvailable }) => [kind.is, isAvailable])).toEqual([
      ['image', true],
      ['image', true],
      ['image', false],
      ['attestation', true],
    ]);
    expect(told.at(-1)?.kind).toEqual({ is: 'attestation', of: firstOf(own).digest });
  });

  test('goes under another name with its digest, and all that is in it', async () => {
    await at.images.pull({ reference: app(), platform: 'all' });
    await at.images.tag(appName(), referenceIn(registry, 'copy/app:v2'));
    const { digest, notes } = await push('copy/app:v2');
    expect(digest).toBe(firstOf(index).digest);
    for (const document of index.documents)
      expect(registry.manifest('copy/app', document.digest)?.bytes).toEqual(document.bytes);
    expect(registry.manifest('copy/app', 'v2')?.digest).toBe(digest);
    expect(notes.filter((note) => note.kind === 'layer' && note.phase === 'skipped')).toHaveLength(1);
    expect(notes.some((note) => note.kind === 'partial')).toBe(false);
    expect(at.images.resolve(`${registry.host}/copy/app@${digest}`).id as string).toBe(idOf(own));
  });

  test('of which one platform is here goes as that platform, and says so', async () => {
    await at.images.pull({ reference: app() });
    await at.images.tag(appName(), referenceIn(registry, 'copy/app:v2'));
    const { digest, notes } = await push('copy/app:v2');
    expect(digest).toBe(firstOf(own).digest);
    expect(notes.find((note) => note.kind === 'partial')).toMatchObject({
      index: { digest: firstOf(index).digest },
      manifest: { digest: firstOf(own).digest },
    });
  });

  test('gathers the platforms that are pulled one by one; the last one is the name’s own', async () => {
    await at.images.pull({ reference: app() });
    await at.images.pull({ reference: app(), platform: otherPlatform });
    expect(at.images.resolve(appName()).id as string).toBe(idOf(other));
    expect(at.images.resolve(appName(), parsePlatform('linux')).id as string).toBe(idOf(own));
    expect(at.images.resolve(idOf(own)).variantOf).toEqual([appName()]);
    await at.images.pull({ reference: app() });
    expect(at.images.resolve(appName()).id as string).toBe(idOf(own));
    expect(await messageOf(Promise.resolve().then(() => at.images.resolve(appName(), windowsPlatform)))).toBe(
      `image with reference ${registry.host}/team/app:v1 was found but does not provide the specified platform (windows/amd64)`,
    );
  });

  test('is the same after a restart', async () => {
    const root = await mkdtemp(join(tmpdir(), 'silo-platforms-'));
    try {
      let before: ImageRecord[][];
      {
        await using first = await openImages(root);
        await first.images.pull({ reference: app(), platform: 'all' });
        before = [first.images.list(), first.images.variants(appName())];
      }
      await using second = await openImages(root);
      expect([second.images.list(), second.images.variants(appName())]).toEqual(before);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  test('is never followed for ever', async () => {
    registry.misbehave({ path: '/manifests/', act: endlessIndexes().act });
    expect(await messageOf(at.images.pull({ reference: app(), platform: 'all' }))).toStartWith(
      "the image's indexes are nested deeper than",
    );
    expect(at.images.list()).toEqual([]);
  });
});

describe('an image that cannot run here', () => {
  test('of another operating system is pulled, pushed and refused to be unpacked', async () => {
    const { image } = await at.images.pull({ reference: app(), platform: windowsPlatform });
    expect([image.form, image.layers, at.unpacks()]).toEqual(['packed', [], 0]);
    expect(image.config['os.version']).toBe('10.0.20348.1');
    expect(await messageOf(at.images.unpack(image.id))).toBe(
      'image operating system "windows" cannot be used on this platform: operating system is not supported',
    );
    await at.images.tag(appName(), referenceIn(registry, 'copy/win:v1'));
    expect((await push('copy/win:v1')).digest).toBe(firstOf(windows).digest);
  });

  test('of another processor is unpacked when it is wanted', async () => {
    await at.images.pull({ reference: app(), platform: 'all' });
    const [packed, again] = await Promise.all([
      at.images.unpack(at.images.resolve(appName(), otherPlatform).id),
      at.images.unpack(at.images.resolve(appName(), otherPlatform).id),
    ]);
    expect([packed.form, packed.layers.length]).toEqual(['unpacked', 2]);
    expect(again.layers).toEqual(packed.layers);
    for (const layer of packed.layers) expect(await at.layers.find(layer)).toBeDefined();
    // The lower layer is the same: it was there.
    expect(at.unpacks()).toBe(3);
    // What is pulled again stays unpacked.
    await at.images.pull({ reference: app(), platform: 'all' });
    expect(at.images.resolve(packed.id).form).toBe('unpacked');
    await at.images.remove(appName(), { force: false, prune: true });
    expect(await at.layers.list()).toEqual([]);
  });

  test('because it is an artifact is pulled, inspected, pushed, saved and loaded', async () => {
    const chart = artifactOf('application/vnd.cncf.helm.chart.content.v1.tar+gzip', 'chart');
    const second = artifactOf('application/x-sbom', 'bom');
    registry.add('team/chart', 'v1', chart);
    registry.add('team/bom', 'v1', second);
    for (const name of ['team/chart:v1', 'team/bom:v1'])
      await at.images.pull({ reference: referenceIn(registry, name) });
    const image = at.images.resolve(`${registry.host}/team/chart:v1`);
    expect([image.id as string, image.form]).toEqual([firstOf(chart).digest, 'artifact']);
    expect(await messageOf(at.images.unpack(image.id))).toContain('is an artifact, not an image');
    await at.images.tag(image.id, referenceIn(registry, 'copy/chart:v1'));
    expect((await push('copy/chart:v1')).digest).toBe(firstOf(chart).digest);
    await using elsewhere = await openImages();
    await elsewhere.images.load(Readable.from([await saved(`${registry.host}/copy/chart:v1`)]), {});
    expect(elsewhere.images.resolve(`${registry.host}/copy/chart:v1`).id).toBe(image.id);
    await at.images.remove(`${registry.host}/team/bom:v1`, { force: false, prune: true });
    expect(await heldBy(at)).toEqual(
      [...chart.documents, ...chart.blobs].map(({ digest }) => digest).toSorted(),
    );
  });
});

describe('an archive', () => {
  test('of an index holds all that is here, and gives another engine the same', async () => {
    await at.images.pull({ reference: app(), platform: 'all' });
    const archive = await saved(appName());
    await using elsewhere = await openImages();
    const loaded = await elsewhere.images.load(Readable.from([archive]), {});
    expect(loaded.map(({ id, tags }) => [id as string, tags])).toEqual([[idOf(own), [appName()]]]);
    expect(elsewhere.images.variants(appName())).toHaveLength(3);
    expect(await heldBy(elsewhere)).toEqual(await heldBy(at));
    const again = Buffer.concat(await Array.fromAsync(elsewhere.images.save({ names: [appName()] })));
    expect(again.equals(archive)).toBe(true);
  });

  test('of some platforms of an index keeps those, under the index', async () => {
    await at.images.pull({ reference: app() });
    await at.images.pull({ reference: app(), platform: otherPlatform });
    await using elsewhere = await openImages();
    await elsewhere.images.load(Readable.from([await saved(appName())]), {});
    expect(
      elsewhere.images
        .variants(appName())
        .map(({ id }) => id as string)
        .toSorted(),
    ).toEqual([idOf(own), idOf(other)].toSorted());
    expect(await elsewhere.images.descriptor(elsewhere.images.resolve(appName()).id)).toMatchObject({
      digest: firstOf(index).digest,
    });
  });

  test('is saved and loaded for one platform', async () => {
    await at.images.pull({ reference: app(), platform: 'all' });
    await using elsewhere = await openImages();
    await elsewhere.images.load(Readable.from([await saved(appName(), otherPlatform)]), {});
    expect(elsewhere.images.resolve(appName()).id as string).toBe(idOf(other));
    await using third = await openImages();
    const whole = await saved(appName());
    await third.images.load(Readable.from([whole]), { platform: otherPlatform });
    expect(third.images.variants(appName()).map(({ id, form }) => [id as string, form])).toEqual([
      [idOf(other), 'unpacked'],
    ]);
    expect(
      await messageOf(third.images.load(Readable.from([whole]), { platform: parsePlatform('linux/s390x') })),
    ).toBe('the archive has no image for the platform linux/s390x');
  });
});

describe('a name of several platforms', () => {
  test('takes them along when it goes', async () => {
    await at.images.pull({ reference: app(), platform: 'all' });
    const removed = await at.images.remove(appName(), { force: false, prune: true });
    const deleted = removed.flatMap((each) => ('deleted' in each ? [each.deleted] : []));
    for (const image of [own, other, windows]) expect(deleted).toContain(idOf(image));
    expect(at.images.list()).toEqual([]);
    expect(await heldBy(at)).toEqual([]);
  });

  test('leaves them to another name', async () => {
    await at.images.pull({ reference: app(), platform: 'all' });
    await at.images.tag(appName(), parseReference('mine:1'));
    await at.images.remove(appName(), { force: false, prune: true });
    expect(at.images.variants('mine:1')).toHaveLength(3);
    await at.images.remove(at.images.resolve('mine:1').id, { force: false, prune: true });
    expect(at.images.list()).toEqual([]);
  });

  test('stays while a container uses one of them', async () => {
    await at.images.pull({ reference: app(), platform: 'all' });
    const { id } = at.images.resolve(appName(), otherPlatform);
    at.users.usersOf = (image) => (image === id ? [{ containerId: 'c'.repeat(64), running: true }] : []);
    expect(await messageOf(at.images.remove(appName(), { force: false, prune: true }))).toContain(
      '(must force) - container cccccccccccc is using its referenced image',
    );
    await at.images.remove(appName(), { force: true, prune: true });
    expect(at.images.list().map((image) => image.id)).toEqual([id]);
  });

  test('loses a single one by its platform, and is gone with the last', async () => {
    await at.images.pull({ reference: app() });
    await at.images.pull({ reference: app(), platform: otherPlatform });
    const drop = (platform: typeof otherPlatform): ReturnType<typeof at.images.remove> =>
      at.images.remove(appName(), { force: false, prune: true, platforms: [platform] });
    await drop(otherPlatform);
    expect(at.images.variants(appName()).map(({ id }) => id as string)).toEqual([idOf(own)]);
    expect(await messageOf(drop(otherPlatform))).toContain('does not provide the specified platform');
    await drop(parsePlatform('linux'));
    expect(at.images.list()).toEqual([]);
  });

  test('by digest goes with all its platforms', async () => {
    const reference = parseReference(`${registry.host}/team/app@${firstOf(index).digest}`);
    await at.images.pull({ reference, platform: 'all' });
    expect(at.images.resolve(formatReference(reference)).id as string).toBe(idOf(own));
    await at.images.remove(formatReference(reference), { force: false, prune: true });
    expect(at.images.list()).toEqual([]);
    expect(await heldBy(at)).toEqual([]);
  });
});

test('a layer that is being pulled survives the removal of another image that has it', async () => {
  await at.images.pull({ reference: app() });
  const second = imageOf([layerOf({ base: 'shared\n' }), layerOf({ late: 'late\n' })]);
  registry.add('team/late', 'v1', second);
  const held = second.blobs.at(-1)?.digest ?? '';
  // The second layer does not come before the first image, which has the lower one too, is gone.
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: gone, resolve: go } = Promise.withResolvers<void>();
  registry.misbehave({
    path: held,
    act({ serve }) {
      ask();
      void gone.then(serve);
    },
  });
  const pulling = at.images.pull({ reference: referenceIn(registry, 'team/late:v1') });
  await asked;
  await at.images.remove(appName(), { force: false, prune: true });
  await at.images.sweep();
  go();
  const { image } = await pulling;
  for (const layer of image.layers) expect(await at.layers.find(layer)).toBeDefined();
  expect(at.images.list().map(({ id }) => id)).toEqual([image.id]);
});

test('an attestation is kept with its image alone', async () => {
  await at.images.pull({ reference: app() });
  expect(await heldBy(at)).not.toContain(firstOf(attestation).digest);
});
