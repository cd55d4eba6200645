import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDigest } from '../../foundation/oci/digest.ts';
import { parseRepositoryName } from '../../foundation/oci/repository-name.ts';
import { openFolderStore } from './folder-store.ts';
import { describeRegistryStore } from './store.contract.ts';

const makeFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'silo-registry-store-'));

describeRegistryStore('a registry in a folder', async () => {
  const folder = await makeFolder();
  return {
    open: () => openFolderStore(folder),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
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
