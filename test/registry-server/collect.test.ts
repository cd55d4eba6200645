import { expect, test } from 'bun:test';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry } from '../../src/engine/registry/create-registry.ts';
import { silentLog } from '../../src/foundation/base/log.ts';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { parseRepositoryName } from '../../src/foundation/oci/repository-name.ts';
import { openFolderStore } from '../../src/resources/registry/folder-store.ts';
import {
  codeOf,
  digestOf,
  type LocalRegistry,
  makeManifest,
  ociIndex,
  ociManifest,
  pushBlob,
  putManifest,
  startLocalRegistry,
} from './harness.ts';

/** A registry whose clock the test turns. */
async function startWithClock(graceMs = 60_000): Promise<LocalRegistry & { pass: (ms: number) => void }> {
  let shiftMs = 0;
  const local = await startLocalRegistry({ graceMs, now: () => Date.now() + shiftMs });
  return Object.assign(local, { pass: (ms: number) => void (shiftMs += ms) });
}

const exists = async (url: string, repository: string, digest: string): Promise<boolean> =>
  (await fetch(`${url}/v2/${repository}/blobs/${digest}`, { method: 'HEAD' })).status === 200;

test('what nothing refers to is freed after the grace period, and not before; what is referred to stays', async () => {
  await using local = await startWithClock();
  const { url, registry } = local;
  const document = await makeManifest(url, 'gc/app', { layer: 'kept' });
  await putManifest(url, { repository: 'gc/app', reference: '1' }, document);
  const { digest } = await pushBlob(url, 'gc/app', 'garbage');
  expect(await registry.upkeep.collectGarbage()).toMatchObject({ blobs: 0 });
  local.pass(61_000);
  expect(await registry.upkeep.collectGarbage({ dryRun: true })).toMatchObject({ blobs: 1, freedBytes: 7 });
  expect(await registry.upkeep.collectGarbage()).toMatchObject({ blobs: 1, freedBytes: 7 });
  expect(await exists(url, 'gc/app', digest)).toBe(false);
  expect(await exists(url, 'gc/app', digestOf('kept'))).toBe(true);
  const pool = await readdir(join(local.root, '.silo/blobs/sha256'));
  expect(pool).not.toContain(digest.replace('sha256:', ''));
});

test('a blob that a client saw or mounted waits for its manifest', async () => {
  await using local = await startWithClock();
  const { url, registry } = local;
  await putManifest(url, { repository: 'gc/app', reference: '1' }, await makeManifest(url, 'gc/app'));
  const seen = await pushBlob(url, 'gc/app', 'seen');
  const unseen = await pushBlob(url, 'gc/app', 'unseen');
  local.pass(61_000);
  expect(await exists(url, 'gc/app', seen.digest)).toBe(true);
  await registry.upkeep.collectGarbage();
  expect(await exists(url, 'gc/app', unseen.digest)).toBe(false);
  const document = JSON.stringify({ schemaVersion: 2, config: seen, layers: [] });
  expect((await putManifest(url, { repository: 'gc/app', reference: '2' }, document)).status).toBe(201);
  local.pass(61_000);
  await registry.upkeep.collectGarbage();
  expect(await exists(url, 'gc/app', seen.digest)).toBe(true);
});

test('untagged manifests go only when asked, and never those of an index or those that belong to one that stays', async () => {
  await using local = await startWithClock();
  const { url, registry } = local;
  const put = async (
    reference: string | undefined,
    document: string,
    type = ociManifest,
  ): Promise<string> => {
    const answer = await putManifest(
      url,
      { repository: 'gc/multi', reference: reference ?? digestOf(document) },
      document,
      type,
    );
    expect(answer.status).toBe(201);
    return digestOf(document);
  };
  const describe = (document: string): object => ({
    mediaType: ociManifest,
    digest: digestOf(document),
    size: document.length,
  });
  const child = await makeManifest(url, 'gc/multi', { layer: 'child' });
  await put(undefined, child);
  const index = JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [describe(child)] });
  await put('multi', index, ociIndex);
  const signature = await makeManifest(url, 'gc/multi', { layer: 'signature', subject: describe(child) });
  await put(undefined, signature);
  const loose = await makeManifest(url, 'gc/multi', { layer: 'loose' });
  await put(undefined, loose);
  local.pass(61_000);
  expect(await registry.upkeep.collectGarbage()).toMatchObject({ manifests: 0, blobs: 0 });
  expect(await registry.upkeep.collectGarbage({ untagged: true })).toMatchObject({ manifests: 1 });
  const status = async (document: string): Promise<number> =>
    (await fetch(`${url}/v2/gc/multi/manifests/${digestOf(document)}`)).status;
  expect(await Promise.all([child, index, signature, loose].map(status))).toEqual([200, 200, 200, 404]);
  expect(await exists(url, 'gc/multi', digestOf('loose'))).toBe(false);
  expect(await exists(url, 'gc/multi', digestOf('signature'))).toBe(true);
});

test('what a push without a manifest left goes too, and a repository in which nothing is left', async () => {
  await using local = await startWithClock();
  const { url, registry } = local;
  const { digest } = await pushBlob(url, 'gc/abandoned', 'abandoned');
  const document = await makeManifest(url, 'gc/emptied');
  await putManifest(url, { repository: 'gc/emptied', reference: '1' }, document);
  await putManifest(url, { repository: 'gc', reference: '1' }, await makeManifest(url, 'gc'));
  await fetch(`${url}/v2/gc/emptied/manifests/${digestOf(document)}`, { method: 'DELETE' });
  local.pass(61_000);
  await registry.upkeep.collectGarbage();
  expect(await exists(url, 'gc/abandoned', digest)).toBe(false);
  expect(await (await fetch(`${url}/v2/_catalog`)).json()).toEqual({ repositories: ['gc'] });
  expect((await readdir(join(local.root, 'gc'))).toSorted()).toEqual(['blobs', 'index.json', 'oci-layout']);
  const again = await makeManifest(url, 'gc/emptied');
  expect((await putManifest(url, { repository: 'gc/emptied', reference: '1' }, again)).status).toBe(201);
  expect(await (await fetch(`${url}/v2/gc/emptied/manifests/1`)).text()).toBe(again);
});

test('a manifest that cannot be read stops every deletion in its repository', async () => {
  const root = await mkdtemp(join(tmpdir(), 'silo-registry-'));
  try {
    let document: string;
    {
      await using local = await startLocalRegistry({ root });
      document = await makeManifest(local.url, 'gc/hurt');
      await putManifest(local.url, { repository: 'gc/hurt', reference: '1' }, document);
      await pushBlob(local.url, 'gc/hurt', 'garbage');
      await pushBlob(local.url, 'gc/whole', 'garbage');
    }
    const path = join(root, 'gc/hurt/blobs/sha256', digestOf(document).replace('sha256:', ''));
    await writeFile(path, 'damaged');
    // Only who has not read it yet notices.
    const options = { root, graceMs: 60_000, now: () => Date.now() + 61_000, servedSinceMs: 0 };
    await using again = await startLocalRegistry(options);
    expect(await again.registry.upkeep.collectGarbage()).toMatchObject({ blobs: 1 });
    expect(await exists(again.url, 'gc/hurt', digestOf('garbage'))).toBe(true);
    expect(await exists(again.url, 'gc/whole', digestOf('garbage'))).toBe(false);
    expect((await fetch(`${again.url}/v2/gc/hurt/manifests/1`)).status).toBe(500);
    // Others can be asked for and pushed all the same, and pushing it again mends it.
    const head = await fetch(`${again.url}/v2/gc/hurt/manifests/${digestOf('unknown')}`, { method: 'HEAD' });
    expect(head.status).toBe(404);
    const put = await putManifest(again.url, { repository: 'gc/hurt', reference: '1' }, document);
    expect(put.status).toBe(201);
    expect(await (await fetch(`${again.url}/v2/gc/hurt/manifests/1`)).text()).toBe(document);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test('pushes that race with the collector are never acknowledged without their blobs', async () => {
  // No grace at all: only the check within the lock is left.
  await using local = await startLocalRegistry({ graceMs: -1, servedSinceMs: 0 });
  const { url, registry } = local;
  await putManifest(url, { repository: 'gc/race', reference: 'base' }, await makeManifest(url, 'gc/race'));
  const outcomes = { acknowledged: 0, refused: 0 };
  for (let round = 0; round < 40; round++) {
    const config = await pushBlob(url, 'gc/race', `config ${round}`);
    const layers = [await pushBlob(url, 'gc/race', `layer ${round}`)];
    const document = JSON.stringify({ schemaVersion: 2, config, layers });
    const put = (): Promise<Response> =>
      putManifest(url, { repository: 'gc/race', reference: `r${round}` }, document);
    // Each in its turn has the start, so that both orders happen.
    const [answer] =
      round % 2 === 0
        ? await Promise.all([put(), registry.upkeep.collectGarbage()])
        : await Promise.all([registry.upkeep.collectGarbage().then(put), registry.upkeep.collectGarbage()]);
    if (answer.status !== 201) {
      outcomes.refused++;
      expect(await codeOf(answer)).toBe('404 MANIFEST_BLOB_UNKNOWN');
      continue;
    }
    outcomes.acknowledged++;
    await registry.upkeep.collectGarbage();
    for (const { digest } of [config, ...layers]) expect(await exists(url, 'gc/race', digest)).toBe(true);
    const back = await fetch(`${url}/v2/gc/race/manifests/r${round}`);
    expect(await back.text()).toBe(document);
  }
  // Those that begin after a collection always find their blobs gone.
  expect(outcomes.refused).toBeGreaterThanOrEqual(20);
});

test('nothing is freed that the disk still refers to, when a deletion could not be written down', async () => {
  const root = await mkdtemp(join(tmpdir(), 'silo-registry-'));
  try {
    await using store = await openFolderStore(root);
    let written: Promise<void> = Promise.resolve();
    const change: typeof store.indexes.change = async (...words) => {
      await written;
      await store.indexes.change(...words);
    };
    let shiftMs = 0;
    const indexes = { ...store.indexes, change };
    const registry = createRegistry(
      { ...store, indexes },
      { log: silentLog, graceMs: 60_000, now: () => Date.now() + shiftMs },
    );
    const name = parseRepositoryName('gc/app');
    const layer = Buffer.from('the layer');
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: ociManifest,
        config: { mediaType: 'a/b', digest: digestOf(layer), size: layer.length },
        layers: [],
      }),
    );
    await store.blobs.put(name, parseDigest(digestOf(layer)), layer);
    const { digest } = await registry.manifests.put(
      name,
      { kind: 'tag', tag: 'v1' },
      { mediaType: ociManifest, bytes },
    );
    shiftMs = 120_000;
    const disk = Promise.withResolvers<void>();
    disk.promise.catch(() => undefined);
    written = disk.promise;
    const removal = registry.manifests.remove(name, { kind: 'digest', digest }).catch(String);
    const collected = registry.upkeep.collectGarbage();
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    disk.reject(new Error('the disk is full'));
    expect(await removal).toContain('the disk is full');
    await collected;
    expect(await store.blobs.find(name, parseDigest(digestOf(layer)))).toBeDefined();
    written = Promise.resolve();
    expect((await registry.manifests.get(name, { kind: 'tag', tag: 'v1' })).digest).toBe(digest);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
