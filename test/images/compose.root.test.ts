import { afterEach, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ComposeRequest, ImageRecord } from '../../src/engine/image/image.ts';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { parseManifest } from '../../src/foundation/oci/manifest.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { tarOf } from '../registry/sample-image.ts';
import { openImages, type OpenImages } from './open-images.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: unpacking layers needs root');

let open: OpenImages | undefined;
afterEach(async () => {
  await open?.[Symbol.asyncDispose]();
  open = undefined;
});

async function start(): Promise<{ images: OpenImages; base: ImageRecord }> {
  open = await openImages();
  const id = await open.images.import(Readable.from([Buffer.from(tarOf({ a: 'below', b: 'below' }))]), {
    reference: parseReference('base:1'),
    message: 'the base',
    createdAtMs: 1_000_000,
  });
  return { images: open, base: open.images.resolve(id) };
}

async function* layer(files: Record<string, string>): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield Buffer.from(tarOf(files));
}

const request = (base: ImageRecord, more: Partial<ComposeRequest> = {}): ComposeRequest => ({
  base: base.id,
  layer: layer({ a: 'above', '.wh.b': '' }),
  run: { Cmd: ['a'] },
  createdAtMs: 2_000_000,
  author: 'me',
  createdBy: 'a step',
  comment: 'why',
  ...more,
});

async function failure(work: Promise<unknown>): Promise<{ kind: string; message: string }> {
  try {
    await work;
  } catch (error) {
    return toSiloError(error);
  }
  throw new Error('it succeeded');
}

describe.skipIf(!isRoot)('an image of a layer on a base', () => {
  test('has both layers, a history of two steps, its parent, and the name', async () => {
    const { images, base } = await start();
    const made = await images.images.compose(request(base, { reference: parseReference('made:1') }));
    expect(made).toMatchObject({
      tags: ['docker.io/library/made:1'],
      parent: base.id,
      createdAtMs: 2_000_000,
    });
    expect(made.layers.slice(0, 1)).toEqual(base.layers);
    expect(made.layers).toHaveLength(2);
    expect(made.config).toMatchObject({ author: 'me', config: { Cmd: ['a'] } });
    const history = await images.images.history('made:1');
    expect(history.map(({ id, createdBy, comment }) => [id, createdBy, comment])).toEqual([
      [made.id, 'a step', 'why'],
      [base.id, '', 'the base'],
    ]);
    const manifest = parseManifest(await images.content.readSmall(made.manifestDigest));
    expect(manifest.layers).toHaveLength(2);
    expect(manifest.config.digest).toBe(made.id);
    const top = (await images.layers.list()).find(({ chainId }) => chainId === made.layers[1]);
    expect(readdirSync(top?.path ?? '').toSorted()).toEqual(['a', 'b']);
    expect(images.events.at(-1)).toMatchObject({
      action: 'tag',
      id: made.id,
      attributes: { name: 'made:1' },
    });
  });

  test('has the same ids for the same words, and no layer when there is none', async () => {
    const { images, base } = await start();
    const [first, second] = [
      await images.images.compose(request(base)),
      await images.images.compose(request(base)),
    ];
    expect(second.id).toBe(first.id);
    expect(second.manifestDigest).toBe(first.manifestDigest);
    const { layer: _layer, ...without } = request(base);
    const bare = await images.images.compose(without);
    expect(bare.layers).toEqual(base.layers);
    expect(bare.config.history?.at(-1)).toMatchObject({ empty_layer: true, created_by: 'a step' });
  });

  test('can be made of nothing, and outlives its base', async () => {
    const { images, base } = await start();
    const { base: _base, ...alone } = request(base);
    expect((await images.images.compose(alone)).layers).toHaveLength(1);
    const made = await images.images.compose(request(base));
    await images.images.remove('base:1', { force: false, prune: true });
    expect(images.images.resolve(made.id).layers).toHaveLength(2);
    expect((await images.images.history(made.id)).map(({ id }) => id)).toEqual([made.id, undefined]);
    expect(await failure(images.images.compose(request(base)))).toMatchObject({
      kind: 'not-found',
      message: `No such image: ${base.id}`,
    });
  });

  test('leaves nothing when its layer breaks off, is no archive, or the caller gives up', async () => {
    const { images, base } = await start();
    const before = [await images.content.list(), await images.layers.list()];
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(100_000);
      await Promise.resolve();
      throw new Error('it broke');
    }
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let i = 0; ; i++) {
        if (i === 3) controller.abort();
        await Promise.resolve();
        yield Buffer.alloc(1 << 20);
      }
    }
    async function* rubbish(): AsyncGenerator<Uint8Array> {
      await Promise.resolve();
      yield Buffer.alloc(4096, 'rubbish');
    }
    expect((await failure(images.images.compose(request(base, { layer: broken() })))).message).toContain(
      'it broke',
    );
    await failure(images.images.compose(request(base, { layer: rubbish() })));
    const given = { layer: endless(), signal: controller.signal };
    expect((await failure(images.images.compose(request(base, given)))).kind).toBe('canceled');
    expect([await images.content.list(), await images.layers.list()]).toEqual(before);
    expect(readdirSync(join(images.root, 'content', 'ingest'))).toEqual([]);
    expect(images.images.list()).toHaveLength(1);
  });
});
