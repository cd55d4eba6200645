import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Digest, parseDigest } from '../../foundation/oci/digest.ts';
import { parseRepositoryName } from '../../foundation/oci/repository-name.ts';
import { openFolderStore } from './folder-store.ts';
import { withJournal } from './index-journal.ts';
import type { IndexEntry, RegistryStore } from './store.ts';
import { describeRegistryStore } from './store.contract.ts';

const digestOf = (data: string): Digest =>
  parseDigest(`sha256:${createHash('sha256').update(data).digest('hex')}`);
const makeFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'silo-registry-store-'));

for (const [name, options] of [
  ['a registry in a folder', {}],
  ['a registry in a folder that keeps journals', { journalAbove: 0 }],
] as const)
  describeRegistryStore(name, async () => {
    const folder = await makeFolder();
    return {
      open: () => openFolderStore(folder, options),
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    };
  });

test('a large index is not written for each change, but is whole when the store is closed, and after a while', async () => {
  const folder = await makeFolder();
  try {
    const name = parseRepositoryName('many/tags');
    const path = join(folder, 'many/tags/index.json');
    const entries: IndexEntry[] = Array.from({ length: 3_000 }, (_, index) => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digestOf(`manifest ${index}`),
      size: 7,
      tag: `t${index}`,
    }));
    const whole = { size: entries.length, entries: () => entries };
    const tagsOf = async (): Promise<number> =>
      (JSON.parse(await readFile(path, 'utf8')) as { manifests: unknown[] }).manifests.length;
    const add = async (store: RegistryStore, tag: string): Promise<void> => {
      const [first] = entries;
      if (first === undefined) throw new Error('there is one');
      entries.push({ ...first, tag });
      await store.indexes.change(name, [{ kind: 'tag', tag, digest: first.digest }], whole);
    };
    {
      await using store = await openFolderStore(folder);
      await store.indexes.change(name, [], whole);
      const { ino } = await stat(path);
      for (const tag of ['a', 'b', 'c']) await add(store, tag);
      expect((await stat(path)).ino).toBe(ino);
      expect((await store.indexes.read(name))?.length).toBe(3_003);
    }
    expect(await tagsOf()).toBe(3_003);
    await using store = await openFolderStore(folder, { lagMs: 10 });
    await add(store, 'd');
    while ((await tagsOf()) < 3_004) await new Promise((resolve) => setImmediate(resolve));
    expect(await readdir(join(folder, 'many/tags'))).toEqual(
      expect.arrayContaining(['index.json', 'oci-layout']),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the torn end of a journal is passed over, what stands before it counts', () => {
  const entry = { mediaType: 'a/b', digest: digestOf('x'), size: 1 };
  const lines = [
    { kind: 'manifest', ...entry },
    { kind: 'tag', tag: 'v1', digest: entry.digest },
    { kind: 'untag', tag: 'v1' },
  ].map((line) => `${JSON.stringify(line)}\n`);
  const all = lines.join('');
  const after = (text: string): IndexEntry[] => withJournal([], Buffer.from(text));
  expect(after(all)).toEqual([entry]);
  const torn = all.slice(0, all.length - 3);
  expect(after(torn)).toEqual([{ ...entry, tag: 'v1' }]);
  expect(after(`${lines[0]}\0\0\0\n${lines[1]}`)).toEqual([entry]);
  for (let length = 0; length < all.length; length++) after(all.slice(0, length));
});

test('equal blobs of several repositories are one file, and nothing is left among the uploads', async () => {
  const folder = await makeFolder();
  try {
    await using store = await openFolderStore(folder);
    const hex = createHash('sha256').update('same').digest('hex');
    for (const name of ['one', 'two', 'three'])
      await store.blobs.put(parseRepositoryName(name), parseDigest(`sha256:${hex}`), Buffer.from('same'));
    const files = await Promise.all(
      ['one', 'two', 'three', '.silo'].map((name) => stat(join(folder, name, 'blobs/sha256', hex))),
    );
    expect(new Set(files.map(({ ino }) => ino)).size).toBe(1);
    expect(files[0]?.nlink).toBe(4);
    expect(await readdir(join(folder, '.silo/uploads'))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a blob that lost its end on the disk is mended by whoever pushes it again', async () => {
  const folder = await makeFolder();
  try {
    await using store = await openFolderStore(folder);
    const name = parseRepositoryName('team/app');
    const digest = digestOf('the whole');
    await store.blobs.put(name, digest, Buffer.from('the whole'));
    await truncate(join(folder, '.silo/blobs/sha256', digest.slice('sha256:'.length)), 3);
    expect((await store.blobs.find(name, digest))?.sizeBytes).toBe(3);
    await store.blobs.put(name, digest, Buffer.from('the whole'));
    expect((await store.blobs.find(name, digest))?.sizeBytes).toBe(9);
    const other = parseRepositoryName('other');
    await store.blobs.put(other, digest, Buffer.from('the whole'));
    expect((await store.blobs.find(other, digest))?.sizeBytes).toBe(9);
    expect(await readdir(join(folder, '.silo/uploads'))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a layout that another tool wrote is a repository; names that are no tags are left out', async () => {
  const folder = await makeFolder();
  try {
    const digest = `sha256:${'0'.repeat(64)}`;
    const entry = (name: string): object => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest,
      size: 2,
      annotations: { 'org.opencontainers.image.ref.name': name },
    });
    await mkdir(join(folder, 'their/image'), { recursive: true });
    await writeFile(join(folder, 'their/image/oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(
      join(folder, 'their/image/index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [entry('v1'), entry('docker.io/library/x:v2')] }),
    );
    await using store = await openFolderStore(folder);
    const name = parseRepositoryName('their/image');
    expect(await store.indexes.repositories()).toEqual([name]);
    expect((await store.indexes.read(name))?.map(({ tag }) => tag)).toEqual(['v1', undefined]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
