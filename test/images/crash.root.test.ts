import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatReference } from '../../src/foundation/oci/reference.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { openImages, type OpenImages } from './open-images.ts';
import { bigLayer, imageOf, layerOf, platformsImage, referenceIn, signedImage } from './samples.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: unpacking layers needs root');

const sources = join(import.meta.dir, '..', '..', 'src');
/** The names in `faultPoint` calls of these folders. */
function faultPoints(folder: string): string[] {
  return readdirSync(join(sources, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) => [
      ...readFileSync(join(sources, folder, file), 'utf8').matchAll(/faultPoint\('([^']+)'\)/g),
    ])
    .map(([, name = '']) => name);
}
const known = ['engine/image', 'resources/content', 'resources/distribution', 'resources/snapshot'].flatMap(
  faultPoints,
);

let registry: HostileRegistry;
let name = '';
beforeAll(async () => {
  registry = await startHostileRegistry();
  registry.add('team/app', 'v1', imageOf([layerOf({ base: 'x' }), bigLayer()]));
  registry.add('team/many', 'v1', platformsImage().index);
  const signed = signedImage();
  for (const [tag, list] of Object.entries({ v1: signed.image, ...signed.lists }))
    registry.add('team/signed', tag, list);
  name = `${registry.host}/team/app:v1`;
});
afterAll(() => registry[Symbol.asyncDispose]());

/** Whether the child was killed at the point; it may also never pass there. */
async function runUntil(fault: string, root: string, what: string, which = name): Promise<boolean> {
  const child = spawn(process.execPath, [join(import.meta.dir, 'crash-child.ts'), root, what, which], {
    env: { ...process.env, SILO_FAULT: fault },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (signal === null && code !== 0) throw new Error(`the child failed with ${code}`);
  return signal === 'SIGKILL';
}

/** No name without a whole image; no layer that is half there. */
async function expectWhole(open: OpenImages): Promise<void> {
  for (const image of open.images.list())
    for (const chainId of image.layers) expect(await open.layers.find(chainId)).toBeDefined();
  const folders = readdirSync(join(open.root, 'snapshots', 'layers'));
  expect(folders).toHaveLength((await open.layers.list()).length);
  for (const blob of await open.content.list())
    if (blob.sizeBytes < 1_000_000) await open.content.readSmall(blob.digest);
}

/** Of a partial blob that was published only its empty folder may stay. */
function partialFiles(root: string): string[] {
  return readdirSync(join(root, 'content', 'ingest'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('/data'),
  );
}

describe.if(isRoot)('an engine that is killed', () => {
  const pulling = known.filter(
    (point) => !/\.(load|import|remove|sweep|container|init|push|upload|unpack|index-stored)\b/.test(point),
  );

  test.each(pulling.map((point) => ({ point })))(
    'during a pull, at $point, leaves what a next pull completes',
    async ({ point }) => {
      const root = mkdtempSync(join(tmpdir(), 'silo-crash-'));
      try {
        const killed = await runUntil(point, root, 'pull');
        {
          await using open = await openImages(root);
          await expectWhole(open);
          const published = open.images.list().length;
          if (killed) expect(published).toBe(point === 'image.publish.published' ? 1 : 0);
          const { image } = await open.images.pull({ reference: referenceIn(registry, 'team/app:v1') });
          expect(open.images.resolve(name).id).toBe(image.id);
          await expectWhole(open);
          expect(await open.images.sweep()).toEqual({ reclaimedBytes: 0 });
          expect(partialFiles(root)).toEqual([]);
          await open.images.remove(name, { force: false, prune: true });
          expect(await open.content.list()).toEqual([]);
        }
      } finally {
        rmSync(root, { recursive: true, force: true });
      }
    },
  );

  test.each(known.filter((point) => /\.(push|upload)\./.test(point)).map((point) => ({ point })))(
    'during a push, at $point, leaves the image, and a next push completes',
    async ({ point }) => {
      // An index and an image with referrers have more steps.
      const sources: Record<string, string> = {
        'image.push.children-sent': 'team/many:v1',
        'image.push.referrer-sent': 'team/signed:v1',
      };
      const source = sources[point] ?? 'team/app:v1';
      const root = mkdtempSync(join(tmpdir(), 'silo-crash-'));
      const target = referenceIn(registry, `copy/${point.replaceAll(/[^a-z]/g, '-')}:v1`);
      try {
        {
          await using open = await openImages(root);
          const reference = referenceIn(registry, source);
          await open.images.pull({ reference, ...(point in sources ? { platform: 'all' } : {}) });
          await open.images.tag(formatReference(reference), target);
        }
        expect(await runUntil(point, root, 'push', formatReference(target))).toBe(true);
        await using open = await openImages(root);
        await expectWhole(open);
        const [done] = await open.images.push({ reference: target });
        const image = open.images.resolve(formatReference(target));
        const { digest } = await open.images.descriptor(image.id);
        expect(done?.digest).toBe(digest);
        expect(image.digests).toContain(`${registry.host}/${target.path}@${digest}`);
        expect(registry.manifest(target.path, 'v1')?.digest).toBe(digest);
        expect(await open.images.sweep()).toEqual({ reclaimedBytes: 0 });
      } finally {
        rmSync(root, { recursive: true, force: true });
      }
    },
  );

  test.each(
    known
      .filter((point) => /^image\.(import|remove|sweep|layer|publish)/.test(point))
      .filter((point) => point !== 'image.remove.platform-moved')
      .map((point) => ({ point })),
  )('during an import and a removal, at $point, leaves all or what a sweep takes', async ({ point }) => {
    const root = mkdtempSync(join(tmpdir(), 'silo-crash-'));
    try {
      if (!(await runUntil(point, root, 'import'))) await runUntil(point, root, 'remove');
      await using open = await openImages(root);
      await expectWhole(open);
      await open.images.sweep();
      if (open.images.list().length === 0) {
        expect(await open.layers.list()).toEqual([]);
        expect(await open.content.list()).toEqual([]);
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });

  test('during a pull of all platforms, or the removal of one, leaves names of what is whole', async () => {
    const reference = referenceIn(registry, 'team/many:v1');
    const many = formatReference(reference);
    const root = mkdtempSync(join(tmpdir(), 'silo-crash-'));
    try {
      for (const point of ['image.pull.index-stored', 'image.publish.layers-there']) {
        expect(await runUntil(point, root, 'pull-all', many)).toBe(true);
        await using open = await openImages(root);
        expect(open.images.list()).toEqual([]);
      }
      expect(await runUntil('image.publish.published', root, 'pull-all', many)).toBe(true);
      for (const point of ['image.unpack.layers-there', 'image.unpack.recorded'])
        expect(await runUntil(point, root, 'unpack-other', many)).toBe(true);
      expect(await runUntil('image.remove.platform-moved', root, 'remove-own', many)).toBe(true);
      await using open = await openImages(root);
      await expectWhole(open);
      expect(open.images.variants(many).map(({ form }) => form)).toEqual(['unpacked', 'unpacked', 'packed']);
      await open.images.remove(many, { force: false, prune: true });
      expect(open.images.list()).toEqual([]);
      await open.images.sweep();
      expect(await open.content.list()).toEqual([]);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
