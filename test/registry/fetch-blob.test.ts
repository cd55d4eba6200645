import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../../src/foundation/base/errors.ts';
import type { Descriptor } from '../../src/foundation/oci/descriptor.ts';
import { parseDigest } from '../../src/foundation/oci/digest.ts';
import { type Reference, parseReference } from '../../src/foundation/oci/reference.ts';
import type { ContentStore } from '../../src/resources/content/content.ts';
import { openContentStore } from '../../src/resources/content/content-store.ts';
import { type BlobFetch, type FetchBlob, fetchBlob } from '../../src/resources/distribution/fetch-blob.ts';
import { createRegistryClient } from '../../src/resources/distribution/registry-client.ts';
import { createTransport } from '../../src/resources/distribution/transport.ts';
import { type HostileRegistry, startHostileRegistry } from './hostile-registry.ts';
import * as bad from './misbehaviours.ts';
import { blobOf, sampleImage } from './sample-image.ts';

const retry = { attempts: 4, baseMs: 1, maximumWaitMs: 1000 };
const transport = createTransport({ headersMs: 200, idleMs: 200 });
const big = blobOf('application/vnd.oci.image.layer.v1.tar+gzip', randomBytes(8_000_000));
const descriptor: Descriptor = {
  mediaType: big.mediaType,
  digest: parseDigest(big.digest),
  size: big.bytes.byteLength,
};
const partialFolder = createHash('sha256').update(`blob ${big.digest}`).digest('hex');

let registry: HostileRegistry;
let reference: Reference;
beforeAll(async () => {
  registry = await startHostileRegistry();
  registry.add('team/app', 'v1', { ...sampleImage(), blobs: [big] });
  reference = parseReference(`${registry.host}/team/app:v1`);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  transport[Symbol.dispose]();
});

interface Setting extends AsyncDisposable {
  folder: string;
  content: ContentStore;
  fetch(more?: Partial<FetchBlob>): BlobFetch;
}

async function setUp(): Promise<Setting> {
  registry.behave();
  registry.requests.length = 0;
  const folder = await mkdtemp(join(tmpdir(), 'silo-fetch-'));
  const content = await openContentStore(folder);
  const client = createRegistryClient({ transport, access: { insecure: [] }, retry });
  return {
    folder,
    content,
    fetch: (more = {}) => fetchBlob({ client, reference, descriptor, content, retry, ...more }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const ranges = (): (string | undefined)[] =>
  registry.requests.filter(({ path }) => path.includes('/blobs/')).map(({ headers }) => headers.range);

async function text(fetch: BlobFetch): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await fetch.stream()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'success',
    (error: unknown) => toSiloError(error).code,
  );
}

describe('a blob download', () => {
  test('stores the blob, counts its bytes, and streams it meanwhile', async () => {
    await using setting = await setUp();
    const counts: number[] = [];
    const fetch = setting.fetch({ onProgress: (bytes) => counts.push(bytes) });
    const [stored, first, second] = await Promise.all([fetch.done, text(fetch), text(fetch)]);
    expect(stored).toMatchObject({ digest: descriptor.digest, sizeBytes: descriptor.size });
    expect(await readFile(stored.path)).toEqual(big.bytes);
    expect(first).toEqual(big.bytes);
    expect(second).toEqual(big.bytes);
    expect(await text(fetch)).toEqual(big.bytes);
    expect(counts[0]).toBe(0);
    expect(counts.at(-1)).toBe(descriptor.size);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });

  test('of what is there already asks nobody', async () => {
    await using setting = await setUp();
    await setting.fetch().done;
    registry.requests.length = 0;
    const again = setting.fetch();
    expect(await text(again)).toEqual(big.bytes);
    expect((await again.done).sizeBytes).toBe(descriptor.size);
    expect(registry.requests).toEqual([]);
  });

  test('goes on by range after each break', async () => {
    await using setting = await setUp();
    registry.misbehave({ path: '/blobs/', act: bad.truncated(3_000_000), times: 2 });
    const fetch = setting.fetch();
    expect(await text(fetch)).toEqual(big.bytes);
    await fetch.done;
    const [first, ...others] = ranges();
    expect(first).toBeUndefined();
    expect(others).toHaveLength(2);
    expect(others[0]).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test('goes on after a silence', async () => {
    await using setting = await setUp();
    registry.misbehave({ path: '/blobs/', act: bad.stalled(3_000_000), times: 1 });
    await setting.fetch().done;
    expect(ranges()).toHaveLength(2);
  });

  test('that drips slower than the stated pace is taken up anew, and ends when it goes on so', async () => {
    await using setting = await setUp();
    using slow = createTransport({ headersMs: 5000, idleMs: 5000, pace: { bytes: 1000, perMs: 50 } });
    const client = createRegistryClient({ transport: slow, access: { insecure: [] }, retry });
    registry.misbehave({ path: '/blobs/', act: bad.trickle(10) });
    const error = toSiloError(await setting.fetch({ client }).done.catch((thrown: unknown) => thrown));
    expect(error).toMatchObject({ kind: 'timeout', code: 'connection-stalled' });
    expect(error.message).toContain('less than 1000 bytes in 0.05 s');
    registry.behave();
    registry.misbehave({ path: '/blobs/', act: bad.trickle(10), times: 1 });
    await setting.fetch({ client }).done;
  });

  test('goes on when the server then ignores ranges', async () => {
    await using setting = await setUp();
    registry.misbehave({ path: '/blobs/', act: bad.ignoreRange });
    registry.misbehave({ path: '/blobs/', act: bad.truncated(3_000_000), times: 1 });
    const fetch = setting.fetch();
    expect(await text(fetch)).toEqual(big.bytes);
    await fetch.done;
  });

  test('gives up when breaks bring nothing', async () => {
    await using setting = await setUp();
    registry.misbehave({ path: '/blobs/', act: bad.truncated(100) });
    const fetch = setting.fetch();
    expect(await codeOf(text(fetch))).toBe('connection-lost');
    expect(await codeOf(fetch.done)).toBe('connection-lost');
    expect(ranges()).toHaveLength(retry.attempts);
  });

  test('that failed leaves its bytes to the next one, over a restart too', async () => {
    await using setting = await setUp();
    const stop = new AbortController();
    const first = setting.fetch({
      signal: stop.signal,
      onProgress: (bytes) => {
        if (bytes > 1_000_000) stop.abort();
      },
    });
    expect(await codeOf(first.done)).toBe('canceled');
    registry.behave();
    registry.requests.length = 0;
    const counts: number[] = [];
    const content = await openContentStore(setting.folder);
    const second = setting.fetch({ content, onProgress: (bytes) => counts.push(bytes) });
    expect(await text(second)).toEqual(big.bytes);
    expect(counts[0]).toBeGreaterThan(500_000);
    expect(ranges()).toEqual([`bytes=${counts[0]}-`]);
  });

  test('that finds damaged bytes of an earlier run begins again', async () => {
    await using setting = await setUp();
    {
      await using left = await setting.content.ingest(`blob ${big.digest}`);
      await left.write(big.bytes.subarray(0, 1_000_000));
    }
    await writeFile(join(setting.folder, 'ingest', partialFolder, 'data'), Buffer.alloc(1_000_000));
    const fetch = setting.fetch();
    expect(await codeOf(text(fetch))).toBe('blob-restarted');
    expect(await text(fetch)).toEqual(big.bytes);
    expect(await readFile((await fetch.done).path)).toEqual(big.bytes);
    expect(ranges()).toEqual(['bytes=1000000-', undefined]);
  });

  test('of other bytes fails, also for those who read along, and leaves nothing', async () => {
    await using setting = await setUp();
    registry.misbehave({ path: '/blobs/', act: bad.wrongBytes });
    const fetch = setting.fetch();
    expect(await codeOf(text(fetch))).toBe('digest-mismatch');
    expect(await codeOf(fetch.done)).toBe('digest-mismatch');
    expect(await setting.content.list()).toEqual([]);
    expect(await readdir(join(setting.folder, 'ingest'))).toEqual([]);
  });

  test('of an unknown blob fails at once', async () => {
    await using setting = await setUp();
    registry.misbehave({ path: '/blobs/', act: bad.refuse(404, 'BLOB_UNKNOWN', 'blob unknown') });
    const fetch = setting.fetch();
    expect(await codeOf(text(fetch))).toBe('blob-unknown');
    expect(await codeOf(fetch.done)).toBe('blob-unknown');
  });

  test('is not held up by a reader who does not read', async () => {
    await using setting = await setUp();
    const fetch = setting.fetch();
    const idle = await fetch.stream();
    await fetch.done;
    idle.destroy();
  });

  test('survives kill -9 of the engine before the commit', async () => {
    await using setting = await setUp();
    const child = `
      const at = (path) => import(${JSON.stringify(join(import.meta.dirname, '../../src'))} + path);
      const { openContentStore } = await at('/resources/content/content-store.ts');
      const { fetchBlob } = await at('/resources/distribution/fetch-blob.ts');
      const { createRegistryClient } = await at('/resources/distribution/registry-client.ts');
      const { createTransport } = await at('/resources/distribution/transport.ts');
      const { parseReference } = await at('/foundation/oci/reference.ts');
      await fetchBlob({
        client: createRegistryClient({ transport: createTransport(), access: { insecure: [] } }),
        reference: parseReference(process.env.REFERENCE),
        descriptor: JSON.parse(process.env.DESCRIPTOR),
        content: await openContentStore(process.env.STORE),
      }).done;
    `;
    const run = spawn(process.execPath, ['-e', child], {
      env: {
        ...process.env,
        STORE: setting.folder,
        REFERENCE: `${registry.host}/team/app:v1`,
        DESCRIPTOR: JSON.stringify(descriptor),
        SILO_FAULT: 'distribution.fetch.before-commit',
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [, signal] = (await once(run, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
    registry.requests.length = 0;
    const content = await openContentStore(setting.folder);
    expect(await content.list()).toEqual([]);
    expect((await setting.fetch({ content }).done).sizeBytes).toBe(descriptor.size);
    expect(ranges()).toEqual([]);
  });
});
