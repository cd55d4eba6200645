import { describe, expect, test } from 'bun:test';
import { Readable } from 'node:stream';
import { SiloError } from '../../src/foundation/base/errors.ts';
import { shortId } from '../../src/foundation/base/ids.ts';
import { type ImageId } from '../../src/foundation/oci/digest.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { sampleImage, tarOf } from '../registry/sample-image.ts';
import { openImages, type OpenImages } from './open-images.ts';
import { referenceIn } from './samples.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: unpacking layers needs root');

const container = 'c'.repeat(64);

function make(open: OpenImages, name: string, content = name): Promise<ImageId> {
  return open.images.import(Readable.from([tarOf({ file: content })]), {
    reference: parseReference(name),
    createdAtMs: 0,
  });
}
const tag = (open: OpenImages, from: string, to: string): Promise<void> =>
  open.images.tag(from, parseReference(to));
const remove = (open: OpenImages, name: string, force = false): Promise<unknown> =>
  open.images.remove(name, { force, prune: true });
async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof SiloError && error.kind === 'conflict') return error.message;
    throw error;
  }
  return 'it succeeded';
}
const used = (open: OpenImages, running: boolean): void => {
  open.users.usersOf = () => [{ containerId: container, running }];
};

describe.if(isRoot)('remove', () => {
  test('a name goes, and the image with its last one', async () => {
    await using open = await openImages();
    const id = await make(open, 'app:1');
    await tag(open, 'app:1', 'app:2');
    expect(await remove(open, 'app:1')).toEqual([{ untagged: 'app:1' }]);
    const [layer = ''] = open.images.resolve(id).layers;
    expect(await remove(open, 'app:2')).toEqual([{ untagged: 'app:2' }, { deleted: id }, { deleted: layer }]);
    expect(await open.content.list()).toEqual([]);
    expect(await open.layers.list()).toEqual([]);
    expect(open.events.map((event) => [event.action, event.attributes['name']])).toEqual([
      ['import', id],
      ['tag', 'app:2'],
      ['untag', id],
      ['untag', id],
      ['delete', id],
    ]);
  });

  test('by id all names of one repository go, and those of several only when forced', async () => {
    await using open = await openImages();
    const id = await make(open, 'app:1');
    await tag(open, id, 'other:1');
    expect(await refusal(remove(open, id))).toBe(
      `conflict: unable to delete ${shortId(id)} (must be forced) - image is referenced in multiple repositories`,
    );
    expect(await remove(open, shortId(id), true)).toMatchObject([
      { untagged: 'app:1' },
      { untagged: 'other:1' },
      { deleted: id },
      {},
    ]);
  });

  test('a pulled image loses its digest with its last tag', async () => {
    await using registry: HostileRegistry = await startHostileRegistry();
    await using open = await openImages();
    registry.add('team/app', 'v1', sampleImage());
    const { image, digest } = await open.images.pull({ reference: referenceIn(registry, 'team/app:v1') });
    expect(await remove(open, `${registry.host}/team/app:v1`)).toEqual([
      { untagged: `${registry.host}/team/app:v1` },
      { untagged: `${registry.host}/team/app@${digest}` },
      { deleted: image.id },
      { deleted: image.layers[1] },
      { deleted: image.layers[0] },
    ]);
  });

  test('a container keeps the last name of its image, unless forced', async () => {
    await using open = await openImages();
    const id = await make(open, 'app:1');
    used(open, false);
    expect(await refusal(remove(open, 'app:1'))).toBe(
      `conflict: unable to remove repository reference "app:1" (must force) - container ${shortId(container)} is using its referenced image ${shortId(id)}`,
    );
    await tag(open, id, 'app:2');
    expect(await remove(open, 'app:1')).toEqual([{ untagged: 'app:1' }]);
    expect(await refusal(remove(open, id))).toBe(
      `conflict: unable to delete ${shortId(id)} (must be forced) - image is being used by stopped container ${shortId(container)}`,
    );
    const [layer] = open.images.resolve(id).layers;
    if (!layer) throw new Error('no layer');
    open.users.layersInUse = () => [layer];
    expect(await remove(open, id, true)).toEqual([{ untagged: 'app:2' }, { deleted: id }]);
    expect(await open.layers.find(layer)).toBeDefined();
    open.users.layersInUse = () => [];
    expect((await open.images.sweep()).reclaimedBytes).toBeGreaterThan(0);
    expect(await open.layers.list()).toEqual([]);
  });

  test('a running container keeps its image, whatever is forced', async () => {
    await using open = await openImages();
    const id = await make(open, 'app:1');
    used(open, true);
    expect(await refusal(remove(open, id, true))).toBe(
      `conflict: unable to delete ${shortId(id)} (cannot be forced) - image is being used by running container ${shortId(container)}`,
    );
    expect(await remove(open, 'app:1', true)).toEqual([{ untagged: 'app:1' }]);
    expect(open.images.resolve(id).tags).toEqual([]);
  });

  test('layers that another image has stay', async () => {
    await using open = await openImages();
    await make(open, 'a:1', 'same');
    const b = await open.images.import(Readable.from([tarOf({ file: 'same' })]), {
      reference: parseReference('b:1'),
      changes: ['CMD x'],
    });
    expect(await remove(open, 'a:1')).toHaveLength(2);
    expect(await open.layers.list()).toHaveLength(1);
    expect(open.images.list().map((image) => image.id)).toEqual([b]);
    expect(await open.images.sweep()).toEqual({ reclaimedBytes: 0 });
  });

  test('a name that moves is refused for digests', async () => {
    await using open = await openImages();
    const id = await make(open, 'app:1');
    expect(tag(open, id, `app@${id}`)).rejects.toThrow('refusing to create a tag with a digest reference');
    expect(remove(open, 'none')).rejects.toThrow('No such image: none:latest');
  });

  test('history tells steps with their sizes, newest first', async () => {
    await using open = await openImages();
    const id = await make(open, 'app:1', '12345');
    expect(await open.images.history('app:1')).toEqual([
      { id, createdAtMs: 0, createdBy: '', comment: 'Imported from -', sizeBytes: 5, tags: ['app:1'] },
    ]);
    expect(open.images.contentOf('app:1').layers).toHaveLength(1);
    expect(open.images.contentOf('app:1').blobs).toHaveLength(3);
  });
});
