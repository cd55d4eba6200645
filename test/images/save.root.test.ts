import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import { parsePlatform } from '../../src/foundation/oci/platform.ts';
import { parseReference } from '../../src/foundation/oci/reference.ts';
import { type HostileRegistry, startHostileRegistry } from '../registry/hostile-registry.ts';
import { openImages, type OpenImages } from './open-images.ts';
import { imageOf, layerOf, referenceIn } from './samples.ts';

const base = layerOf({ 'bin/noise': randomBytes(1_500_000) });
const app = imageOf([base, layerOf({ 'etc/app': 'app\n' })]);
const tool = imageOf([base, layerOf({ 'etc/tool': 'tool\n' })]);

let registry: HostileRegistry;
let at: OpenImages;
beforeEach(async () => {
  registry = await startHostileRegistry();
  at = await openImages();
  for (const [name, image] of [
    ['app', app],
    ['tool', tool],
  ] as const) {
    registry.add(`team/${name}`, 'v1', image);
    await at.images.pull({ reference: referenceIn(registry, `team/${name}:v1`) });
    await at.images.tag(`${registry.host}/team/${name}:v1`, parseReference(`my/${name}:v1`));
  }
});
afterEach(async () => {
  await at[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

async function saved(...names: string[]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(at.images.save({ names })));
}
const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(String, (error: unknown) => toSiloError(error).message);

describe('a saved archive', () => {
  test('gives another engine the same images: ids, manifests, names', async () => {
    const archive = await saved('my/app:v1', 'my/tool:v1');
    await using other = await openImages();
    await other.images.load(Readable.from([archive]), {});
    for (const name of ['my/app:v1', 'my/tool:v1']) {
      const [here, there] = [at.images.resolve(name), other.images.resolve(name)];
      expect([there.id, there.manifestDigest, there.tags]).toEqual([
        here.id,
        here.manifestDigest,
        [`docker.io/${name}`],
      ]);
    }
  });

  test('holds a shared layer once, and is the same each time', async () => {
    const one = await saved('my/app:v1');
    const both = await saved('my/app:v1', 'my/tool:v1');
    expect(both.byteLength - one.byteLength).toBeLessThan(20_000);
    expect((await saved('my/app:v1', 'my/tool:v1')).equals(both)).toBe(true);
  });

  test('of a repository has all its tags, and of an id no name', async () => {
    await at.images.tag('my/app:v1', parseReference('my/app:v2'));
    const id = at.images.resolve('my/app:v1').id;
    await using other = await openImages();
    await other.images.load(Readable.from([await saved('my/app')]), {});
    expect(other.images.resolve(id).tags).toEqual(['docker.io/my/app:v1', 'docker.io/my/app:v2']);
    await using third = await openImages();
    await third.images.load(Readable.from([await saved(id)]), {});
    expect(third.images.resolve(id).tags).toEqual([]);
  });

  test('is announced', async () => {
    await saved('my/app:v1');
    expect(at.events.at(-1)).toMatchObject({ type: 'image', action: 'save' });
  });

  test('does not begin for what is not there', async () => {
    expect(await messageOf(saved('my/none:v1'))).toBe('No such image: my/none:v1');
    expect(await messageOf(saved())).toBe('no image was named to save');
    const platform = parsePlatform('linux/s390x');
    expect(await messageOf(Array.fromAsync(at.images.save({ names: ['my/app:v1'], platform })))).toBe(
      'image with reference my/app:v1 was found but does not provide the specified platform (linux/s390x)',
    );
  });

  test('ends when nobody reads on, and lets the image go', async () => {
    const archive = at.images.save({ names: ['my/app:v1'] });
    await archive.next();
    await archive.return(undefined);
    const removed = await at.images.remove(at.images.resolve('my/app:v1').id, { force: true, prune: true });
    expect(removed.length).toBeGreaterThan(0);
    const kept = (await at.content.list()).map((blob) => blob.digest as string);
    expect(kept).not.toContain(app.documents[0]?.digest ?? '');
  });

  test('keeps its blobs while it is read, whatever is removed', async () => {
    const archive = at.images.save({ names: ['my/app:v1'] });
    const { value: first = Buffer.alloc(0) } = await archive.next();
    const parts: Uint8Array[] = [first];
    await at.images.remove(at.images.resolve('my/app:v1').id, { force: true, prune: true });
    for await (const part of archive) parts.push(part);
    await using other = await openImages();
    expect(await other.images.load(Readable.from([Buffer.concat(parts)]), {})).toHaveLength(1);
  });

  const skopeo = spawnSync('skopeo', ['--version']).error === undefined;
  if (!skopeo) console.log('skipped: skopeo is not installed');
  test.skipIf(!skopeo)('is read by skopeo in both of its formats', async () => {
    const path = join(at.root, 'saved.tar');
    await writeFile(path, await saved('my/app:v1'));
    for (const name of [`docker-archive:${path}:my/app:v1`, `oci-archive:${path}:v1`]) {
      const seen = spawnSync('skopeo', ['inspect', '--config', '--raw', name], { timeout: 30_000 });
      expect(seen.stdout).toEqual(app.blobs[0]?.bytes ?? Buffer.alloc(0));
      const target = `dir:${join(at.root, `copy-${name.slice(0, 3)}`)}`;
      const copied = spawnSync('skopeo', ['--insecure-policy', 'copy', '-q', name, target], {
        timeout: 30_000,
      });
      expect(copied.status).toBe(0);
    }
  });
});
