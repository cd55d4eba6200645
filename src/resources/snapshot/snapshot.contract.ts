import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind } from '../../foundation/base/errors.ts';
import { parseContainerId, randomHexId } from '../../foundation/base/ids.ts';
import { type ChainId, sha256 } from '../../foundation/oci/digest.ts';
import type { ContainerSnapshots, LayerStore } from './snapshot.ts';

/** An implementation under test, opened on a folder; opening it again stands for a restart. */
export type OpenSnapshots = (root: string) => Promise<{
  layers: LayerStore;
  containers: ContainerSnapshots;
  trash: { idle(): Promise<void> };
}>;

const chain = (name: string): ChainId => sha256(name);
const newId = () => parseContainerId(randomHexId());

/** What every implementation of `LayerStore` and `ContainerSnapshots` must do. */
export function snapshotContract(name: string, open: OpenSnapshots): void {
  describe(`${name} as a snapshot store`, () => {
    let root: string;
    beforeEach(async () => {
      root = await mkdtemp(join(tmpdir(), 'silo-snapshot-'));
    });
    afterEach(() => rm(root, { recursive: true, force: true }));

    layerTests(open, () => root);
    containerTests(open, () => root);
  });
}

async function addLayer(layers: LayerStore, name: string, mode = 0o755): Promise<ChainId> {
  await using staged = await layers.stage(chain(name));
  await writeFile(join(staged.path, `file-${name}`), name);
  await chmod(staged.path, mode);
  await staged.commit({ sizeBytes: name.length });
  return chain(name);
}

function layerTests(open: OpenSnapshots, root: () => string): void {
  test('a committed layer is found with its files and size, also after a restart', async () => {
    const id = await addLayer((await open(root())).layers, 'a');
    const info = await (await open(root())).layers.find(id);
    expect(info?.sizeBytes).toBe(1);
    expect(await readdir(info?.path ?? '')).toEqual(['file-a']);
  });

  test('a layer that is only staged is not found, not listed, and gone once disposed', async () => {
    const { layers, trash } = await open(root());
    {
      await using staged = await layers.stage(chain('a'));
      await writeFile(join(staged.path, 'x'), 'x');
      expect(await layers.find(chain('a'))).toBeUndefined();
      expect(await layers.list()).toEqual([]);
    }
    await trash.idle();
    expect(await filesBelow(root(), 'x')).toEqual([]);
  });

  test('of two writers of one layer the first to commit wins and both get its folder', async () => {
    const { layers, trash } = await open(root());
    const [first, second] = [await layers.stage(chain('a')), await layers.stage(chain('a'))];
    expect(first.path).not.toBe(second.path);
    await writeFile(join(first.path, 'first'), '');
    await writeFile(join(second.path, 'second'), '');
    const [one, two] = await Promise.all([first.commit({ sizeBytes: 1 }), second.commit({ sizeBytes: 2 })]);
    expect(one).toEqual(two);
    expect(await readdir(one.path)).toHaveLength(1);
    expect(await layers.list()).toEqual([one]);
    await trash.idle();
    expect([...(await filesBelow(root(), 'first')), ...(await filesBelow(root(), 'second'))]).toHaveLength(1);
  });

  test('a removed layer is gone at once and can be made again', async () => {
    const { layers } = await open(root());
    const id = await addLayer(layers, 'a');
    await layers.remove(id);
    expect(await layers.find(id)).toBeUndefined();
    expect(await layers.list()).toEqual([]);
    await addLayer(layers, 'a');
    expect(await layers.find(id)).toBeDefined();
    await layers.remove(chain('never there'));
  });

  test('an opened store holds nothing of what an earlier run had only staged', async () => {
    const staged = await (await open(root())).layers.stage(chain('a'));
    await writeFile(join(staged.path, 'left-over'), '');
    const { trash } = await open(root());
    await trash.idle();
    expect(await filesBelow(root(), 'left-over')).toEqual([]);
  });
}

function containerTests(open: OpenSnapshots, root: () => string): void {
  test('a container snapshot stacks its layers below the init layer, topmost first, also after a restart', async () => {
    const store = await open(root());
    const [a, b] = [await addLayer(store.layers, 'a'), await addLayer(store.layers, 'b')];
    const id = newId();
    await store.containers.create(id, [a, b]);
    for (const { containers, layers } of [store, await open(root())]) {
      const snapshot = await containers.find(id);
      expect(snapshot?.layers).toEqual([a, b]);
      expect(snapshot?.mount.lower.slice(1)).toEqual([
        (await layers.find(b))?.path ?? '',
        (await layers.find(a))?.path ?? '',
      ]);
      expect(await containers.list()).toEqual([id]);
    }
  });

  test('the upper folder has the mode of the topmost layer, the work folder is private', async () => {
    const { layers, containers } = await open(root());
    const [a, b] = [await addLayer(layers, 'a'), await addLayer(layers, 'b', 0o1711)];
    const id = newId();
    await containers.create(id, [a, b]);
    const snapshot = await containers.find(id);
    expect((await stat(snapshot?.mount.upper ?? '')).mode & 0o7777).toBe(0o1711);
    expect((await stat(snapshot?.mount.work ?? '')).mode & 0o7777).toBe(0o700);
  });

  test('a second snapshot for the same container is a conflict and leaves the first alone', async () => {
    const { layers, containers, trash } = await open(root());
    const [id, a] = [newId(), await addLayer(layers, 'a')];
    await containers.create(id, [a]);
    const upper = (await containers.find(id))?.mount.upper ?? '';
    await writeFile(join(upper, 'kept'), '');
    const failure = await containers.create(id, []).catch((error: unknown) => error);
    expect(isKind(failure, 'conflict')).toBe(true);
    await trash.idle();
    expect(await readdir(upper)).toEqual(['kept']);
    expect((await containers.find(id))?.layers).toEqual([a]);
  });

  test('a damaged or missing snapshot is not found, and restored with the files that are there', async () => {
    const { layers, containers } = await open(root());
    const [id, a] = [newId(), await addLayer(layers, 'a')];
    await containers.create(id, [a]);
    const before = await containers.find(id);
    await writeFile(join(before?.mount.upper ?? '', 'kept'), '');
    await writeFile(join(before?.mount.upper ?? '', '../layers'), '');
    const again = await open(root());
    expect(await again.containers.find(id)).toBeUndefined();
    expect(await again.containers.restore(id, [a])).toEqual(before ?? (await containers.restore(id, [a])));
    expect(await readdir(before?.mount.upper ?? '')).toEqual(['kept']);
    const other = newId();
    expect((await again.containers.restore(other, [a])).layers).toEqual([a]);
    expect((await again.containers.list()).toSorted()).toEqual([id, other].toSorted());
  });

  test('a snapshot over a layer that is not there is refused', async () => {
    const { containers } = await open(root());
    const failure = await containers.create(newId(), [chain('absent')]).catch((error: unknown) => error);
    expect(isKind(failure, 'not-found')).toBe(true);
    expect(await containers.list()).toEqual([]);
  });

  test('a removed snapshot is gone from find and list, its files soon after; removing again is fine', async () => {
    const { containers, trash } = await open(root());
    const id = newId();
    await containers.create(id, []);
    const upper = (await containers.find(id))?.mount.upper ?? '';
    await mkdir(join(upper, 'deep', 'deeper'), { recursive: true });
    await writeFile(join(upper, 'deep', 'deeper', 'doomed'), '');
    await containers.remove(id);
    expect(await containers.find(id)).toBeUndefined();
    expect(await containers.list()).toEqual([]);
    await containers.remove(id);
    await trash.idle();
    expect(await filesBelow(root(), 'doomed')).toEqual([]);
  });

  test('a container without any layer has only the init layer below it', async () => {
    const { containers } = await open(root());
    const id = newId();
    await containers.create(id, []);
    expect((await containers.find(id))?.mount.lower).toHaveLength(1);
  });
}

async function filesBelow(root: string, name: string): Promise<string[]> {
  const all = await readdir(root, { recursive: true });
  return all.filter((path) => path.endsWith(`/${name}`));
}
