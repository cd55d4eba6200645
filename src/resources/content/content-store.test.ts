import { describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../foundation/oci/digest.ts';
import type { BlobInfo } from './content.ts';
import { contentStoreContract, expectKind } from './content.contract.ts';
import { openContentStore } from './content-store.ts';
import { createDirectorySync } from '../../foundation/base/directory-sync.ts';

async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'silo-content-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

contentStoreContract('the file store', async () => {
  const folder = await temporaryFolder();
  return {
    store: await openContentStore(folder.path),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});

const payload = Buffer.alloc(2_500_000, 'silo');
const partialFolder = createHash('sha256').update('killed').digest('hex');
const child = `
  const { openContentStore } = await import(${JSON.stringify(join(import.meta.dirname, 'content-store.ts'))});
  const store = await openContentStore(process.env.STORE);
  const ingest = await store.ingest('killed');
  const data = Buffer.alloc(2500000, 'silo');
  await ingest.write(data.subarray(ingest.offset));
  await ingest.commit();
`;

async function runChild(store: string, fault: string): Promise<NodeJS.Signals | number | null> {
  const run = spawn(process.execPath, ['-e', child], {
    env: { ...process.env, STORE: store, SILO_FAULT: fault },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code, signal] = (await once(run, 'exit')) as [number | null, NodeJS.Signals | null];
  return signal ?? code;
}

describe('a file store whose process is killed', () => {
  test.each([
    ['content.ingest.write', 1_048_576],
    ['content.ingest.write:2', 2_097_152],
    ['content.commit.before-sync', 2_500_000],
    ['content.commit.before-rename', 2_500_000],
  ])('at %s has no blob, and resumes', async (fault, offset) => {
    await using folder = await temporaryFolder();
    expect(await runChild(folder.path, fault)).toBe('SIGKILL');
    const store = await openContentStore(folder.path);
    expect(await store.list()).toEqual([]);
    await using ingest = await store.ingest('killed');
    expect(ingest.offset).toBe(offset);
    await ingest.write(payload.subarray(offset));
    await ingest.commit({ digest: sha256(payload), sizeBytes: payload.byteLength });
    expect(await readFile((await store.find(sha256(payload)))?.path ?? '')).toEqual(payload);
    expect(await readdir(join(folder.path, 'ingest'))).toEqual([]);
  });

  test.each([['content.commit.after-rename'], ['content.commit.after-sync']])(
    'at %s has the whole blob, and a new ingest starts empty',
    async (fault) => {
      await using folder = await temporaryFolder();
      expect(await runChild(folder.path, fault)).toBe('SIGKILL');
      const store = await openContentStore(folder.path);
      expect((await store.list()).map((blob) => [blob.digest, blob.sizeBytes])).toEqual([
        [sha256(payload), payload.byteLength],
      ]);
      await store.sweepPartial(Date.now() + 1000);
      expect(await readdir(join(folder.path, 'ingest'))).toEqual([]);
    },
  );

  test('without a fault ends well', async () => {
    await using folder = await temporaryFolder();
    expect(await runChild(folder.path, '')).toBe(0);
  });
});

describe('a file store', () => {
  test('notices that a partial file was changed or cut off', async () => {
    await using folder = await temporaryFolder();
    const store = await openContentStore(folder.path);
    for (const harm of ['changed', 'cut'] as const) {
      {
        await using ingest = await store.ingest('killed');
        await ingest.write(payload.subarray(0, 2_000_000));
      }
      const path = join(folder.path, 'ingest', partialFolder, 'data');
      if (harm === 'cut') await truncate(path, 1000);
      else await writeFile(path, Buffer.alloc(2_000_000));
      await using ingest = await store.ingest('killed');
      expect(ingest.offset).toBe(harm === 'cut' ? 1000 : 2_000_000);
      await ingest.write(payload.subarray(2_000_000));
      await expectKind(ingest.commit({ digest: sha256(payload) }), 'corrupt');
    }
    expect(await store.list()).toEqual([]);
    expect(await readdir(join(folder.path, 'ingest'))).toEqual([]);
  });

  test('notices that a small blob was damaged on disk', async () => {
    await using folder = await temporaryFolder();
    const store = await openContentStore(folder.path);
    const put = async (): Promise<BlobInfo> => {
      await using ingest = await store.ingest('small');
      await ingest.write(Buffer.from('{"a":1}'));
      return await ingest.commit();
    };
    const { digest, path } = await put();
    await chmod(path, 0o600);
    await writeFile(path, '{"a":2}');
    await expectKind(store.readSmall(digest), 'corrupt');
    await put();
    expect(Buffer.from(await store.readSmall(digest)).toString()).toBe('{"a":1}');
  });

  test('is closed to other users', async () => {
    await using folder = await temporaryFolder();
    const store = await openContentStore(join(folder.path, 'store'));
    await using ingest = await store.ingest('x');
    await ingest.write(Buffer.from('x'));
    const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
    expect(await mode(join(folder.path, 'store'))).toBe('700');
    expect(await mode(join(folder.path, 'store/blobs/sha256'))).toBe('700');
    expect(await mode(join(ingest.path, '..'))).toBe('700');
    expect(await mode(ingest.path)).toBe('600');
  });

  test('ignores foreign files among the blobs', async () => {
    await using folder = await temporaryFolder();
    const store = await openContentStore(folder.path);
    await writeFile(join(folder.path, 'blobs/sha256/lost+found'), '');
    expect(await store.list()).toEqual([]);
  });
});

test('folder syncs are shared by those who wait, never by those who came too late', async () => {
  const gates: (() => void)[] = [];
  const sync = createDirectorySync(() => new Promise((resolve) => gates.push(resolve)));
  const settled: string[] = [];
  const first = sync('/x').then(() => settled.push('first'));
  const late = Promise.all([sync('/x'), sync('/x')]).then(() => settled.push('late'));
  expect(gates).toHaveLength(1);
  gates[0]?.();
  await first;
  while (gates.length < 2) await Promise.resolve();
  expect(settled).toEqual(['first']);
  gates[1]?.();
  await late;
  expect(gates).toHaveLength(2);
});
