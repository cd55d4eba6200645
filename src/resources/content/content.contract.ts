import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFile, stat } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { isKind, type ErrorKind } from '../../foundation/base/errors.ts';
import { type Digest, parseDigest, sha256 } from '../../foundation/oci/digest.ts';
import type { ContentStore } from './content.ts';

/** What every `ContentStore` must do. `open` gives an empty store. */
export function contentStoreContract(
  name: string,
  open: () => Promise<{ store: ContentStore } & AsyncDisposable>,
): void {
  describe(`${name} as a content store`, () => {
    const stack = new AsyncDisposableStack();
    let store: ContentStore;
    beforeAll(async () => {
      store = stack.use(await open()).store;
    });
    afterAll(() => stack.disposeAsync());

    const put = async (data: Uint8Array, ref = randomBytes(8).toString('hex')): Promise<Digest> => {
      await using ingest = await store.ingest(ref);
      await ingest.write(data);
      return (await ingest.commit()).digest;
    };
    const text = async (digest: Digest, range?: { start?: number; end?: number }): Promise<string> =>
      Buffer.concat(await (await store.read(digest, range)).toArray()).toString();

    test('a committed blob is found, listed, readable and read-only', async () => {
      const digest = await put(Buffer.from('hello world'));
      expect(digest).toBe(sha256('hello world'));
      const found = await store.find(digest);
      expect(found?.sizeBytes).toBe(11);
      expect((await store.list()).map((blob) => blob.digest)).toContain(digest);
      expect((await stat(found?.path ?? '')).mode & 0o777).toBe(0o400);
      expect(await text(digest)).toBe('hello world');
      expect(Buffer.from(await store.readSmall(digest)).toString()).toBe('hello world');
    });

    test('a range is read with its end excluded', async () => {
      const digest = await put(Buffer.from('0123456789'));
      expect(await text(digest, { start: 2, end: 5 })).toBe('234');
      expect(await text(digest, { start: 8 })).toBe('89');
      expect(await text(digest, { start: 10 })).toBe('');
      expect(await text(digest, { end: 999 })).toBe('0123456789');
      await expectKind(text(digest, { start: 11 }), 'invalid');
    });

    test('an empty blob is a blob', async () => {
      expect(await text(await put(new Uint8Array(0)))).toBe('');
    });

    test('an absent blob is not found, and may be removed', async () => {
      const digest = sha256('absent');
      expect(await store.find(digest)).toBeUndefined();
      await expectKind(store.read(digest), 'not-found');
      await expectKind(store.readSmall(digest), 'not-found');
      await store.remove(digest);
    });

    test('a removed blob is gone and can be stored again', async () => {
      const digest = await put(Buffer.from('again'));
      await store.remove(digest);
      expect(await store.find(digest)).toBeUndefined();
      expect(await put(Buffer.from('again'))).toBe(digest);
      expect(await put(Buffer.from('again'))).toBe(digest);
    });

    test('a blob above the limit is not read whole', async () => {
      await expectKind(store.readSmall(await put(Buffer.alloc(100)), 99), 'invalid');
    });

    test('sha512 blobs are stored under their algorithm', async () => {
      await using ingest = await store.ingest('wide', { algorithm: 'sha512' });
      await ingest.write(Buffer.from('abc'));
      const digest = parseDigest(`sha512:${createHash('sha512').update('abc').digest('hex')}`);
      expect((await ingest.commit({ digest, sizeBytes: 3 })).digest).toBe(digest);
      expect(await text(digest)).toBe('abc');
    });

    test('a disposed ingest goes on where it stopped', async () => {
      const data = randomBytes(3_000_000);
      {
        await using first = await store.ingest('resumed');
        await first.write(data.subarray(0, 1_234_567));
      }
      await using second = await store.ingest('resumed');
      expect(second.offset).toBe(1_234_567);
      await second.write(data.subarray(1_234_567));
      const info = await second.commit({ digest: sha256(data), sizeBytes: data.byteLength });
      expect(await readFile(info.path)).toEqual(data);
    });

    test('writes that are not awaited land in order, and the file grows as they resolve', async () => {
      await using ingest = await store.ingest('ordered');
      const chunks = Array.from({ length: 50 }, (_, index) => Buffer.alloc(10_000, index));
      const writes = chunks.map((chunk) => ingest.write(chunk));
      await writes[0];
      expect((await stat(ingest.path)).size).toBeGreaterThanOrEqual(10_000);
      const info = await ingest.commit({ digest: sha256(Buffer.concat(chunks)) });
      expect(info.sizeBytes).toBe(500_000);
      await Promise.all(writes);
    });

    test('a wrong digest or size is refused and leaves nothing', async () => {
      for (const expected of [{ digest: sha256('other') }, { sizeBytes: 4 }]) {
        await using ingest = await store.ingest('wrong');
        expect(ingest.offset).toBe(0);
        await ingest.write(Buffer.from('bytes'));
        await expectKind(ingest.commit(expected), 'corrupt');
      }
      expect(await store.find(sha256('bytes'))).toBeUndefined();
    });

    test('truncate starts over', async () => {
      await using ingest = await store.ingest('truncated');
      await ingest.write(Buffer.from('garbage'));
      await ingest.truncate();
      expect(ingest.offset).toBe(0);
      await ingest.write(Buffer.from('good'));
      expect((await ingest.commit()).digest).toBe(sha256('good'));
    });

    test('abort forgets the bytes', async () => {
      {
        await using ingest = await store.ingest('aborted');
        await ingest.write(Buffer.from('garbage'));
        await ingest.abort();
        await expectKind(ingest.write(Buffer.from('more')), 'internal');
      }
      await using again = await store.ingest('aborted');
      expect(again.offset).toBe(0);
    });

    test('two writers of one name exclude each other, and the name is free afterwards', async () => {
      const first = await store.ingest('shared');
      await expectKind(store.ingest('shared'), 'conflict');
      await first[Symbol.asyncDispose]();
      await using second = await store.ingest('shared');
      // A late abort of the first must not touch the file of the second.
      await second.write(Buffer.from('mine'));
      await first.abort();
      expect((await second.commit()).digest).toBe(sha256('mine'));
    });

    test('sweeping deletes old partial files but not open ones', async () => {
      {
        await using left = await store.ingest('left');
        await left.write(Buffer.from('x'));
      }
      await using busy = await store.ingest('busy');
      await busy.write(Buffer.from('y'));
      await store.sweepPartial(Date.now() - 60_000);
      await using kept = await store.ingest('left');
      expect(kept.offset).toBe(1);
      await kept[Symbol.asyncDispose]();
      await store.sweepPartial(Date.now() + 60_000);
      await using gone = await store.ingest('left');
      expect(gone.offset).toBe(0);
      expect((await busy.commit()).digest).toBe(sha256('y'));
    });
  });
}

export async function expectKind(work: Promise<unknown>, kind: ErrorKind): Promise<void> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  expect(isKind(error, kind) ? kind : error).toBe(kind);
}
