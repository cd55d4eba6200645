import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archive, member } from '../../../foundation/archive/tar-fixtures.ts';
import { writeCacheFolder } from './cache-folder.ts';
import { splitAttestation, splitCacheExport, splitCacheImport, splitOutput } from './output-words.ts';

test('outputs: short forms, places, words with commas', () => {
  expect(splitOutput('-')).toEqual({ type: 'tar', attributes: {}, place: '-' });
  expect(splitOutput('out/dir')).toEqual({ type: 'local', attributes: {}, place: 'out/dir' });
  expect(splitOutput('type=oci,dest=x.tar,"name=a,b"')).toEqual({
    type: 'oci',
    attributes: { name: 'a,b' },
    place: 'x.tar',
  });
  expect(splitOutput('type=oci')).toMatchObject({ place: '-' });
  expect(splitOutput('type=registry,ref=x')).toEqual({ type: 'registry', attributes: { ref: 'x' } });
  // An archive that goes nowhere is meant for the store.
  expect(splitOutput('type=docker,name=a')).toEqual({ type: 'image', attributes: { name: 'a' } });
  for (const [words, message] of [
    ['dest=x', 'type is required'],
    ['type=local', 'dest is required'],
    ['type=oci,x', 'want KEY=VALUE'],
    ['type=oci,tar=false', 'cannot be standard output'],
    ['type=image,name=a,dest=x', 'dest is not for'],
    ['type=registry,name=a,dest=-', 'dest is not for'],
  ] as const)
    expect(() => splitOutput(words)).toThrow(message);
});

test('caches and attestations: names alone, switches, words', () => {
  expect(splitCacheImport('team/app:cache')).toEqual({
    type: 'registry',
    attributes: { ref: 'team/app:cache' },
  });
  expect(splitCacheExport('type=local,dest=c,mode=max')).toEqual({
    type: 'local',
    attributes: { mode: 'max' },
    place: 'c',
  });
  expect(() => splitCacheImport('type=local')).toThrow('src is required');
  expect(() => splitCacheImport('type=registry,ref=a,src=c')).toThrow('src is not for');
  expect(() => splitCacheExport('type=registry,ref=a,dest=c')).toThrow('dest is not for');
  expect(splitAttestation('true', 'sbom')).toEqual({ type: 'sbom', attributes: {} });
  expect(splitAttestation('false', 'provenance')).toMatchObject({ attributes: { disabled: 'true' } });
  expect(splitAttestation('mode=max', 'provenance')).toEqual({
    type: 'provenance',
    attributes: { mode: 'max' },
  });
});

describe('a folder that takes a cache', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'silo-cache-folder-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const [one, two] = ['1'.repeat(64), '2'.repeat(64)];
  const directories = ['blobs', 'blobs/sha256'].map((name) =>
    member({ type: 'directory', name, mode: 0o755 }),
  );
  const layout = (blob: string, ...more: Buffer[]) =>
    (async function* () {
      await Promise.resolve();
      yield archive(
        ...directories,
        member({ name: `blobs/sha256/${blob}`, content: blob }),
        ...more,
        member({ name: 'index.json', content: `index of ${blob}` }),
        member({ name: 'oci-layout', content: '{}' }),
      );
    })();

  test('has the new one whole, and nothing of the old one', async () => {
    await writeCacheFolder(layout(one), folder);
    await writeCacheFolder(layout(two), folder);
    expect(await readdir(join(folder, 'blobs/sha256'))).toEqual([two]);
    expect(await readFile(join(folder, 'index.json'), 'utf8')).toBe(`index of ${two}`);
  });

  test('has the old one when the new one does not come to its end', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      for await (const piece of layout(one)) yield piece.subarray(0, 3000);
      throw new Error('gone');
    }
    expect(await writeCacheFolder(broken(), folder).catch(() => 'failed')).toBe('failed');
    expect(await readdir(join(folder, 'blobs/sha256'))).toEqual([two]);
    expect((await readdir(folder)).toSorted()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  test('gets nothing outside of it, whatever the engine says', async () => {
    const hostile = [
      member({ name: '../escaped', content: 'x' }),
      member({ type: 'symlink', name: 'blobs/out', linkName: tmpdir() }),
      member({ name: 'blobs/out/escaped', content: 'x' }),
    ];
    for (const each of hostile) await writeCacheFolder(layout(one, each), folder).catch(() => undefined);
    expect(await readdir(tmpdir())).not.toContain('escaped');
    expect(await readdir(join(folder, '..'))).not.toContain('escaped');
  });
});
