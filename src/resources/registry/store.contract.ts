import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { isKind, toSiloError } from '../../foundation/base/errors.ts';
import { type Digest, parseDigest } from '../../foundation/oci/digest.ts';
import { parseRepositoryName, type RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { IndexChange, IndexEntry, OpenBlob, RegistryStore } from './store.ts';

/** A place in which stores can be opened one after the other. */
export interface StorePlace extends AsyncDisposable {
  open(): Promise<RegistryStore>;
}

const digestOf = (data: string, algorithm = 'sha256'): Digest =>
  parseDigest(`${algorithm}:${createHash(algorithm).update(data).digest('hex')}`);
const repository = parseRepositoryName('team/app');
const other = parseRepositoryName('team/app/blobs');

async function* chunks(...parts: (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield Buffer.from(part);
  }
}

async function textOf(blob: OpenBlob): Promise<string> {
  await using opened = blob;
  const { content, sizeBytes } = opened;
  const stream =
    content.kind === 'file'
      ? content.file.createReadStream({ start: 0, autoClose: false })
      : content.read(0, sizeBytes);
  const parts: Uint8Array[] = [];
  for await (const part of stream as AsyncIterable<Uint8Array>) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'fine',
    (error: unknown) => toSiloError(error).code,
  );
}

/** What any store of a registry must do. */
export function describeRegistryStore(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(name, () => {
    let place: StorePlace;
    let store: RegistryStore;
    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
    });
    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });
    const reopen = async (): Promise<void> => {
      await store[Symbol.asyncDispose]();
      store = await place.open();
    };
    const write = (name: RepositoryName, entries: readonly IndexEntry[]): Promise<void> =>
      store.indexes.change(
        name,
        entries.flatMap(({ tag, ...entry }): IndexChange[] => [
          { kind: 'manifest', ...entry },
          ...(tag === undefined ? [] : [{ kind: 'tag', tag, digest: entry.digest } as const]),
        ]),
        { size: entries.length, entries: () => entries },
      );
    const put = (data: string): Promise<void> =>
      store.blobs.put(repository, digestOf(data), Buffer.from(data));

    test('a blob belongs to its repository and survives a restart', async () => {
      await put('hello');
      await reopen();
      const found = await store.blobs.find(repository, digestOf('hello'));
      expect(found).toMatchObject({ digest: digestOf('hello'), sizeBytes: 5 });
      expect(await textOf(await store.blobs.open(repository, digestOf('hello')))).toBe('hello');
      expect(await store.blobs.find(other, digestOf('hello'))).toBeUndefined();
      expect(await codeOf(store.blobs.open(other, digestOf('hello')))).toBe('blob-unknown');
    });

    test('a blob is shared, and each repository gives up its own', async () => {
      await put('shared');
      expect(await store.blobs.share(digestOf('shared'), repository, other)).toBe(true);
      expect(await store.blobs.share(digestOf('shared'), repository, other)).toBe(true);
      expect(await store.blobs.share(digestOf('absent'), repository, other)).toBe(false);
      expect(await store.blobs.remove(repository, digestOf('shared'))).toBe(true);
      expect(await store.blobs.remove(repository, digestOf('shared'))).toBe(false);
      expect(await textOf(await store.blobs.open(other, digestOf('shared')))).toBe('shared');
      expect(await store.blobs.sweep(Date.now() + 60_000)).toBe(0);
      await store.blobs.remove(other, digestOf('shared'));
      expect(await store.blobs.sweep(Date.now() - 60_000)).toBe(0);
      expect(await store.blobs.sweep(Date.now() + 60_000)).toBe(6);
    });

    test('a blob that is removed can be read to its end by who has it open', async () => {
      await put('open');
      const opened = await store.blobs.open(repository, digestOf('open'));
      await store.blobs.remove(repository, digestOf('open'));
      await store.blobs.sweep(Date.now() + 60_000);
      expect(await textOf(opened)).toBe('open');
    });

    test('all blobs of a repository are listed, and no others', async () => {
      for (const data of ['a', 'b']) await put(data);
      await store.blobs.put(repository, digestOf('c', 'sha512'), Buffer.from('c'));
      await store.blobs.put(other, digestOf('d'), Buffer.from('d'));
      const listed = await Array.fromAsync(store.blobs.list(repository), ({ digest }) => digest);
      expect(listed.toSorted()).toEqual([digestOf('a'), digestOf('b'), digestOf('c', 'sha512')].toSorted());
      expect(await Array.fromAsync(store.blobs.list(parseRepositoryName('nobody')))).toEqual([]);
      expect((await store.blobs.holders()).toSorted()).toEqual([repository, other]);
    });

    test('an index is replaced whole and makes the repository', async () => {
      expect(await store.indexes.read(repository)).toBeUndefined();
      const entry = { mediaType: 'a/b', digest: digestOf('x'), size: 1 };
      await write(repository, [{ ...entry, tag: 'v1' }]);
      await write(other, []);
      await reopen();
      expect(await store.indexes.read(repository)).toEqual([{ ...entry, tag: 'v1' }]);
      expect((await store.indexes.repositories()).toSorted()).toEqual([repository, other]);
      await store.indexes.remove(repository);
      expect(await store.indexes.repositories()).toEqual([other]);
      expect(await store.indexes.read(repository)).toBeUndefined();
      await write(repository, [entry]);
      expect(await store.indexes.read(repository)).toEqual([entry]);
    });

    test('changes add up, also over restarts, and what was taken away stays away', async () => {
      const [one, two] = ['one', 'two'].map((data) => ({
        mediaType: 'a/b',
        digest: digestOf(data),
        size: data.length,
      }));
      if (one === undefined || two === undefined) throw new Error('two entries');
      const put = (entry: typeof one): IndexChange => ({ kind: 'manifest', ...entry });
      const tag = (name: string, { digest }: typeof one): IndexChange => ({ kind: 'tag', tag: name, digest });
      const steps: [IndexChange[], IndexEntry[]][] = [
        [[put(one), tag('v1', one)], [{ ...one, tag: 'v1' }]],
        [
          [put(two), tag('v1', two)],
          [{ ...two, tag: 'v1' }, one],
        ],
        [
          [tag('v2', one), tag('v3', one), { kind: 'untag', tag: 'v1' }],
          [{ ...one, tag: 'v2' }, { ...one, tag: 'v3' }, two],
        ],
        [[{ kind: 'gone', digest: one.digest }], [two]],
        [
          [put(one), tag('v2', one)],
          [{ ...one, tag: 'v2' }, two],
        ],
        [
          [
            { kind: 'gone', digest: one.digest },
            { kind: 'gone', digest: two.digest },
          ],
          [],
        ],
      ];
      const sorted = (entries: readonly IndexEntry[] | undefined): string[] =>
        (entries ?? []).map(({ digest, tag: name }) => `${name} ${digest}`).toSorted();
      for (const restarts of [false, true])
        for (const [changes, entries] of steps) {
          await store.indexes.change(repository, changes, { size: entries.length, entries: () => entries });
          if (restarts) await reopen();
          expect(sorted(await store.indexes.read(repository))).toEqual(sorted(entries));
        }
      await store.indexes.remove(repository);
      await reopen();
      expect(await store.indexes.read(repository)).toBeUndefined();
    });

    test('an upload grows, also over a restart, and becomes a blob', async () => {
      const { id } = await store.uploads.start(repository, 'sha256');
      await (await store.uploads.open(repository, id))?.append(chunks('one', 'two'));
      await reopen();
      const upload = await store.uploads.open(repository, id);
      expect(upload?.offset).toBe(6);
      await upload?.append(chunks('three'));
      await upload?.finish(digestOf('onetwothree'));
      expect(await textOf(await store.blobs.open(repository, digestOf('onetwothree')))).toBe('onetwothree');
      expect(await store.uploads.open(repository, id)).toBeUndefined();
    });

    test('what came before a source failed is kept', async () => {
      const upload = await store.uploads.start(repository, 'sha256');
      const failure = new Error('the client left');
      expect(await upload.append(chunks('abc', failure)).catch((error: unknown) => error)).toBe(failure);
      expect(upload.offset).toBe(3);
      await upload.append(chunks('def'));
      await upload.finish(digestOf('abcdef'));
      expect(await store.blobs.find(repository, digestOf('abcdef'))).toBeDefined();
    });

    test('another digest deletes the upload, another algorithm does not matter', async () => {
      const wrong = await store.uploads.start(repository, 'sha256');
      await wrong.append(chunks('abc'));
      expect(await codeOf(wrong.finish(digestOf('abd')))).toBe('digest-invalid');
      expect(await store.uploads.open(repository, wrong.id)).toBeUndefined();
      for (const algorithm of ['sha256', 'sha512'] as const) {
        const upload = await store.uploads.start(repository, algorithm);
        await upload.append(chunks('abc'));
        await upload.finish(digestOf('abc', algorithm === 'sha256' ? 'sha512' : 'sha256'));
      }
      expect(await store.blobs.find(repository, digestOf('abc'))).toBeDefined();
      expect(await store.blobs.find(repository, digestOf('abc', 'sha512'))).toBeDefined();
    });

    test('an upload is found by its repository and its exact id only', async () => {
      const { id } = await store.uploads.start(repository, 'sha256');
      expect(await store.uploads.open(other, id)).toBeUndefined();
      for (const wrong of ['', '.', '..', `../${id}`, `${id}.512`, id.toUpperCase(), `${id}/`])
        expect(await store.uploads.open(repository, wrong)).toBeUndefined();
    });

    test('uploads are listed with what they hold, those of an earlier run too', async () => {
      const first = await store.uploads.start(repository, 'sha256');
      await first.append(chunks('abc'));
      await reopen();
      const second = await store.uploads.start(other, 'sha512');
      const listed = await Array.fromAsync(store.uploads.list());
      const told = listed.map(({ id, sizeBytes, belongsTo }) => [
        id,
        sizeBytes,
        belongsTo(repository),
        belongsTo(other),
      ]);
      expect(told).toContainEqual([first.id, 3, true, false]);
      expect(told).toContainEqual([second.id, 0, false, true]);
      expect(listed).toHaveLength(2);
    });

    test('old uploads are swept, canceled ones are gone', async () => {
      const { id } = await store.uploads.start(repository, 'sha256');
      await store.uploads.sweep(Date.now() - 60_000);
      expect(await store.uploads.open(repository, id)).toBeDefined();
      await store.uploads.sweep(Date.now() + 60_000);
      expect(await store.uploads.open(repository, id)).toBeUndefined();
      const canceled = await store.uploads.start(repository, 'sha256');
      await canceled.cancel();
      expect(await store.uploads.open(repository, canceled.id)).toBeUndefined();
    });

    test('many uploads of one blob at once are one blob', async () => {
      const data = 'the same bytes';
      await Promise.all(
        [repository, other, repository, other].map(async (name) => {
          const upload = await store.uploads.start(name, 'sha256');
          await upload.append(chunks(data));
          await upload.finish(digestOf(data));
        }),
      );
      for (const name of [repository, other])
        expect(await textOf(await store.blobs.open(name, digestOf(data)))).toBe(data);
    });

    test('one place is open once', async () => {
      expect(
        await place.open().then(
          () => false,
          (error: unknown) => isKind(error, 'conflict'),
        ),
      ).toBe(true);
    });
  });
}
