import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Progress, PullResult } from '../../src/engine/image/transfers.ts';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { familiarName } from '../../src/foundation/oci/reference.ts';
import { type Act, type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import * as bad from '../registry/misbehaviours.ts';
import { digestOf, sampleImage, sampleIndex, type SampleImage } from '../registry/sample-image.ts';
import { openImages, type OpenImages } from './open-images.ts';
import { bigLayer, imageOf, layerOf, referenceIn } from './samples.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: unpacking layers needs root');

let registry: HostileRegistry;
beforeAll(async () => {
  registry = await startHostileRegistry();
});
afterAll(() => registry[Symbol.asyncDispose]());
beforeEach(() => {
  registry.behave();
  registry.requests.length = 0;
});

/** Publishes under a name of its own and pulls it. */
let names = 0;
function serve(image: SampleImage): string {
  const name = `team/app${names++}`;
  registry.add(name, 'v1', image);
  return `${name}:v1`;
}
function pull(
  { images }: OpenImages,
  name: string,
  more: { signal?: AbortSignal; onProgress?: (progress: Progress) => void } = {},
): Promise<PullResult> {
  return images.pull({ reference: referenceIn(registry, name), ...more });
}
async function failure(work: Promise<unknown>): Promise<{ kind: string; code: string; message: string }> {
  try {
    await work;
  } catch (error) {
    return toSiloError(error);
  }
  throw new Error('it succeeded');
}
async function filesOf(open: OpenImages, result: PullResult, place: number): Promise<string> {
  const chainId = result.image.layers[place];
  const layer = chainId && (await open.layers.find(chainId));
  if (!layer) throw new Error('no such layer');
  return layer.path;
}
/** Nothing of an image is there: no name, no layer, no blob, no folder that is being filled. */
async function expectNothing(open: OpenImages): Promise<void> {
  expect(open.images.list()).toEqual([]);
  expect(await open.layers.list()).toEqual([]);
  expect(await open.content.list()).toEqual([]);
  expect(readdirSync(join(open.root, 'snapshots', 'layers'))).toEqual([]);
}
/** A little every 20 ms, so that there is a middle to leave in. */
const slowly: Act = ({ response, body }) => {
  const bytes = body?.bytes ?? Buffer.alloc(0);
  response.writeHead(200, { 'content-length': bytes.byteLength });
  let sent = 0;
  const timer = setInterval(() => {
    response.write(bytes.subarray(sent, (sent += 200_000)));
    if (sent >= bytes.byteLength) response.end();
  }, 20);
  response.on('close', () => clearInterval(timer));
};
function blobRequests(): string[] {
  return registry.requests.map((request) => request.path).filter((path) => path.includes('/blobs/'));
}

describe.if(isRoot)('pull', () => {
  test('brings layers, configuration and name, and tells its progress', async () => {
    await using open = await openImages();
    const name = serve(sampleImage());
    const progress: Progress[] = [];
    const result = await pull(open, name, { onProgress: (each) => progress.push(each) });
    expect(result.changed).toBe(true);
    expect(result.image.tags).toEqual([`${registry.host}/${name}`]);
    expect(result.image.digests).toEqual([`${registry.host}/${name.slice(0, -3)}@${result.digest}`]);
    expect(readFileSync(join(await filesOf(open, result, 0), 'etc/greeting'), 'utf8')).toBe('hello\n');
    expect(result.image.sizeBytes).toBe(16);
    expect(open.images.resolve(`${registry.host}/${name}`)).toEqual(result.image);
    const phases = new Set(progress.map((each) => (each.kind === 'layer' ? each.phase : each.kind)));
    expect([...phases]).toEqual([
      'resolving',
      'waiting',
      'downloading',
      'downloaded',
      'extracting',
      'complete',
    ]);
    expect(open.events.map(({ action, id, attributes }) => [action, id, attributes['name']])).toEqual([
      ['pull', familiarName(referenceIn(registry, name)), `${registry.host}/${name.slice(0, -3)}`],
    ]);
  });

  test('the second pull fetches no blob and says that nothing changed', async () => {
    await using open = await openImages();
    const name = serve(sampleImage());
    await pull(open, name);
    registry.requests.length = 0;
    const unpacks = open.unpacks();
    const progress: Progress[] = [];
    const again = await pull(open, name, { onProgress: (each) => progress.push(each) });
    expect(again.changed).toBe(false);
    expect(blobRequests()).toEqual([]);
    expect(open.unpacks()).toBe(unpacks);
    expect(progress.filter((each) => each.kind === 'layer' && each.phase === 'exists')).toHaveLength(2);
  });

  test('a moved name leaves the old image without one, and shares its layers', async () => {
    await using open = await openImages();
    const base = layerOf({ base: 'x' });
    const name = serve(imageOf([base, layerOf({ app: '1' })]));
    const old = await pull(open, name);
    registry.add(name.slice(0, -3), 'v1', imageOf([base, layerOf({ app: '2' })]));
    registry.requests.length = 0;
    const moved = await pull(open, name);
    expect(moved.changed).toBe(true);
    expect(blobRequests()).toHaveLength(2);
    expect(open.images.resolve(old.image.id).tags).toEqual([]);
    expect(open.images.resolve(`${registry.host}/${name}`).id).toBe(moved.image.id);
  });

  test('an index gives the image of the wanted platform', async () => {
    await using open = await openImages();
    const arm = sampleImage({ architecture: 'arm64', layers: [{ a: 'arm' }] });
    const amd = sampleImage({ architecture: 'amd64', layers: [{ a: 'amd' }] });
    const name = serve(sampleIndex({ 'linux/arm64': arm, 'linux/amd64': amd }));
    const reference = referenceIn(registry, name);
    const first = await open.images.pull({ reference, platform: { os: 'linux', architecture: 'arm64' } });
    expect(first.image.config.architecture).toBe('arm64');
    expect(first.image.manifestDigest as string).toBe(arm.documents[0]?.digest ?? '');
    expect(first.image.digests[0]).toContain(first.digest);
    expect(await open.content.find(first.digest)).toBeDefined();
    const second = await open.images.pull({ reference, platform: { os: 'linux', architecture: 'amd64' } });
    expect(second.image.config.architecture).toBe('amd64');
    expect(second.changed).toBe(true);
    const none = open.images.pull({ reference, platform: { os: 'linux', architecture: 's390x' } });
    expect((await failure(none)).message).toContain('no matching manifest for linux/s390x');
  });

  test('an image of another platform than asked for is refused, by its configuration', async () => {
    await using open = await openImages();
    const name = serve(sampleImage({ architecture: 's390x' }));
    const wanted = { os: 'linux', architecture: 'arm64' };
    const refused = open.images.pull({ reference: referenceIn(registry, name), platform: wanted });
    expect((await failure(refused)).message).toContain('does not match the specified platform');
    await expectNothing(open);
  });

  test('a pull by digest gives no tag', async () => {
    await using open = await openImages();
    const image = sampleImage();
    const name = serve(image).slice(0, -3);
    const digest = image.documents[0]?.digest ?? '';
    const result = await pull(open, `${name}@${digest}`);
    expect(result.image.tags).toEqual([]);
    expect(open.images.resolve(`${registry.host}/${name}@${digest}`).id).toBe(result.image.id);
  });

  test('two pulls at once fetch and unpack every layer once', async () => {
    await using open = await openImages();
    const [base, a, b] = [bigLayer(), layerOf({ a: '1' }), layerOf({ b: '2' })];
    const first = serve(imageOf([base, a]));
    const second = serve(imageOf([base, b]));
    const results = await Promise.all([pull(open, first), pull(open, second), pull(open, first)]);
    expect(results.map((result) => result.image.layers.length)).toEqual([2, 2, 2]);
    const fetched = blobRequests().filter((path) => path.endsWith(digestOf(base.bytes)));
    expect(fetched).toHaveLength(1);
    expect(open.unpacks()).toBe(3);
  });

  test('the same layer above different ones is fetched once and unpacked for each', async () => {
    await using open = await openImages();
    const shared = bigLayer();
    const first = serve(imageOf([layerOf({ a: '1' }), shared]));
    const second = serve(imageOf([layerOf({ b: '2' }), shared]));
    await Promise.all([pull(open, first), pull(open, second)]);
    expect(blobRequests().filter((path) => path.endsWith(digestOf(shared.bytes)))).toHaveLength(1);
    expect(open.unpacks()).toBe(4);
  });

  test('an image may hold a layer twice', async () => {
    await using open = await openImages();
    const layer = layerOf({ same: 'x' });
    const result = await pull(open, serve(imageOf([layer, layer])));
    expect(new Set(result.image.layers).size).toBe(2);
  });

  test('a client that goes stops its pull, and the next one resumes where it was', async () => {
    await using open = await openImages();
    const layer = bigLayer();
    const name = serve(imageOf([layer]));
    registry.misbehave({ path: digestOf(layer.bytes), times: 1, act: slowly });
    const leave = new AbortController();
    const onProgress = (progress: Progress): void => {
      if (progress.kind === 'layer' && (progress.currentBytes ?? 0) > 1_000_000) leave.abort();
    };
    const gone = await failure(pull(open, name, { signal: leave.signal, onProgress }));
    expect(gone.kind).toBe('canceled');
    expect(open.images.list()).toEqual([]);
    expect(readdirSync(join(open.root, 'snapshots', 'layers'))).toEqual([]);
    registry.requests.length = 0;
    await pull(open, name);
    expect(registry.requests.find(({ path }) => path.includes('/blobs/'))?.headers.range).toMatch(
      /^bytes=[1-9]/,
    );
  });

  test('another client goes on with what the first one began', async () => {
    await using open = await openImages();
    const layer = bigLayer();
    const name = serve(imageOf([layer]));
    const leave = new AbortController();
    const both = Promise.withResolvers<void>();
    registry.misbehave({
      path: digestOf(layer.bytes),
      times: 1,
      act: ({ response, body, serve: go }) => {
        response.on('error', () => undefined);
        void both.promise.then(() => (body ? go() : undefined));
      },
    });
    const seen: string[] = [];
    const watch = (who: string) => (progress: Progress) => {
      if (progress.kind !== 'layer' || progress.phase !== 'downloading' || seen.includes(who)) return;
      seen.push(who);
      if (seen.length < 2) return;
      leave.abort();
      both.resolve();
    };
    const [first, second] = await Promise.allSettled([
      pull(open, name, { signal: leave.signal, onProgress: watch('first') }),
      pull(open, name, { onProgress: watch('second') }),
    ]);
    expect(first.status).toBe('rejected');
    expect(second.status).toBe('fulfilled');
    expect(blobRequests().filter((path) => path.endsWith(digestOf(layer.bytes)))).toHaveLength(1);
  });

  test('a connection that breaks in the middle of a layer is taken up again', async () => {
    await using open = await openImages();
    const layer = bigLayer();
    const name = serve(imageOf([layer]));
    registry.misbehave({ path: digestOf(layer.bytes), times: 1, act: bad.truncated(3_000_000) });
    const result = await pull(open, name);
    expect(existsSync(join(await filesOf(open, result, 0), 'usr/share/noise'))).toBe(true);
    expect(open.unpacks()).toBe(1);
  });

  test('removing the image while it is pulled under another name takes no layer away', async () => {
    await using open = await openImages();
    const [base, slow] = [layerOf({ base: '1' }), bigLayer()];
    const old = serve(imageOf([base]));
    await pull(open, old);
    const name = serve(imageOf([base, slow]));
    const gate = Promise.withResolvers<void>();
    registry.misbehave({ path: digestOf(slow.bytes), act: ({ serve: go }) => void gate.promise.then(go) });
    let removal: Promise<unknown> | undefined;
    const pulled = pull(open, name, {
      onProgress(progress) {
        if (progress.kind !== 'layer' || progress.phase !== 'exists') return;
        removal ??= open.images
          .remove(`${registry.host}/${old}`, { force: false, prune: true })
          .then(() => open.images.sweep())
          .finally(() => gate.resolve());
      },
    });
    const result = await pulled;
    await removal;
    expect(open.images.list().map((image) => image.id)).toEqual([result.image.id]);
    expect(existsSync(join(await filesOf(open, result, 0), 'base'))).toBe(true);
  });

  const sound = layerOf({ sound: 'x' });
  const tar = Buffer.alloc(4096, 'not a tar header ');
  test.each([
    ['bytes that are no gzip', Buffer.from('\u001f\u008bbroken', 'latin1'), sound.diffId],
    [
      'a gzip that is cut off',
      layerOf({ x: Buffer.alloc(100_000, 'abc') }).bytes.subarray(0, -20),
      sound.diffId,
    ],
    ['bytes that are no tar', gzipSync(tar), digestOf(tar)],
    ['another content than the configuration says', sound.bytes, digestOf(Buffer.from('other'))],
    [
      'a path that leads out',
      layerOf({ '../../escape': 'x' }).bytes,
      layerOf({ '../../escape': 'x' }).diffId,
    ],
  ])('%s: refused as corrupt, and nothing stays', async (what, bytes, diffId) => {
    await using open = await openImages();
    const name = serve(imageOf([{ bytes, diffId }, sound]));
    const attempt = pull(open, name);
    if (what === 'a path that leads out') {
      // Either it is refused or it stays inside; it must never be outside.
      await attempt.catch(() => undefined);
      expect(existsSync(join(open.root, 'snapshots', 'escape'))).toBe(false);
      expect(existsSync(join(open.root, 'escape'))).toBe(false);
      return;
    }
    expect((await failure(attempt)).kind).toBe('corrupt');
    await expectNothing(open);
  });

  test('bytes that are not those of the digest are refused, and nothing stays', async () => {
    await using open = await openImages();
    const layer = bigLayer();
    const name = serve(imageOf([layer]));
    registry.misbehave({ path: digestOf(layer.bytes), act: bad.wrongBytes });
    expect((await failure(pull(open, name))).kind).toBe('corrupt');
    await expectNothing(open);
    registry.behave();
    await pull(open, name);
  });

  test('an image with more layers than a root can stack is refused before any is fetched', async () => {
    await using open = await openImages();
    const name = serve(imageOf(Array.from({ length: 128 }, () => sound)));
    expect((await failure(pull(open, name))).message).toContain('the image has 128 layers');
    expect(blobRequests()).toHaveLength(1);
    await expectNothing(open);
  });

  test('a configuration with another number of layers is refused', async () => {
    await using open = await openImages();
    const name = serve(imageOf([sound], { rootfs: { type: 'layers', diff_ids: [] } }));
    expect((await failure(pull(open, name))).code).toBe('layer-count');
    await expectNothing(open);
  });

  test('an unknown name and a refused login say so', async () => {
    await using open = await openImages();
    expect((await failure(pull(open, 'team/none:v1'))).kind).toBe('not-found');
    const name = serve(sampleImage());
    registry.misbehave({ path: '/blobs/', act: bad.answer(500) });
    expect((await failure(pull(open, name))).kind).toBe('unavailable');
    await expectNothing({ ...open, content: { ...open.content, list: () => Promise.resolve([]) } });
  });
});
