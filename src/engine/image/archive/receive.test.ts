import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { contentPadding, endOfArchive, formatMember } from '../../../foundation/archive/tar-writer.ts';
import { parseDigest } from '../../../foundation/oci/digest.ts';
import type { Ingest } from '../../../resources/content/content.ts';
import type { Context } from '../context.ts';
import { createLeases } from '../lease.ts';
import { receiveArchive } from './receive.ts';

/** A content store that counts what is open; each step takes a turn of the event loop. */
function countingContent() {
  const counts = { open: 0, most: 0 };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const ingest = async (): Promise<Ingest> => {
    await turn();
    counts.most = Math.max(counts.most, ++counts.open);
    const hash = createHash('sha256');
    let state: 'open' | 'closed' = 'open';
    const close = async (): Promise<void> => {
      if (state === 'open') counts.open--;
      state = 'closed';
    };
    return {
      path: '',
      offset: 0,
      write: async (bytes) => {
        await turn();
        hash.update(bytes);
      },
      truncate: turn,
      async commit() {
        for (let count = 0; count < 300; count++) await turn();
        await close();
        return { digest: parseDigest(`sha256:${hash.digest('hex')}`), sizeBytes: 0, path: '' };
      },
      abort: close,
      [Symbol.asyncDispose]: close,
    };
  };
  const find: Context['content']['find'] = async (digest) => ({ digest, sizeBytes: 0, path: '' });
  return { counts, context: { content: { ingest, find } } as unknown as Context };
}

const plain = { mode: 0o644, uid: 0, gid: 0, mtime: { sec: 0, nsec: 0 } };

function* archiveOf(files: number): Generator<Buffer> {
  for (let index = 0; index < files; index++) {
    const data = Buffer.from(`file ${index}`);
    yield Buffer.from(
      formatMember({ ...plain, type: 'file', name: `layers/${index}`, size: data.byteLength }),
    );
    yield data;
    yield Buffer.from(contentPadding(data.byteLength));
  }
}

async function* streamOf(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

test('an archive of many small files has few of them open at a time', async () => {
  const { counts, context } = countingContent();
  using lease = createLeases().open();
  const bytes = Buffer.concat([...archiveOf(500), Buffer.from(endOfArchive)]);
  const content = await receiveArchive(context, lease, streamOf(bytes), {});
  expect(content.find('layers/499')).toBeDefined();
  expect(counts.open).toBe(0);
  expect(counts.most).toBeLessThan(50);
});

test('a client that leaves while files are written leaves none of them open', async () => {
  const { counts, context } = countingContent();
  using lease = createLeases().open();
  const large = formatMember({ ...plain, type: 'file', name: 'layers/large', size: 8 << 20 });
  const begun = Buffer.concat([...archiveOf(200), large, Buffer.alloc(1 << 20)]);
  async function* source(): AsyncGenerator<Uint8Array> {
    yield begun;
    throw new Error('the client left');
  }
  expect(await receiveArchive(context, lease, source(), {}).catch(String)).toContain('the client left');
  for (let turn = 0; turn < 5_000; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(counts.open).toBe(0);
});
