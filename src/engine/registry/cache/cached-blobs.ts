import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../../foundation/oci/repository-name.ts';
import { type BlobFetch, fetchBlob } from '../../../resources/distribution/fetch-blob.ts';
import type { RegistryBlobs } from '../registry.ts';
import { readOnly } from './cached-manifests.ts';
import { type CacheContext, fromUpstream } from './context.ts';

const mediaType = 'application/octet-stream';

export interface CachedBlobs extends RegistryBlobs {
  /** Digests that are being fetched: not to be removed. */
  isBusy(digest: Digest): boolean;
  fetchedBytes(): number;
}

/**
 * Blobs of another registry. The first client that wants one makes it be fetched; all who come meanwhile read the same growing file at their own pace.
 * A client that leaves stops nothing: the next one will want it.
 */
export function createCachedBlobs(context: CacheContext): CachedBlobs {
  const fetches = new Map<Digest, { repository: RepositoryName; fetch: BlobFetch }>();
  let fetchedBytes = 0;

  /** Its size, once the upstream has shown that this repository has it. */
  const confirm = async (repository: RepositoryName, digest: Digest): Promise<number> => {
    const member = context.index.member(repository, digest);
    if (member?.confirmed === true) return member.sizeBytes;
    const { questions, reference } = context.upstreamOf(repository);
    try {
      const sizeBytes = await questions.blobSize(reference, digest);
      context.index.confirm(repository, { digest, sizeBytes });
      return sizeBytes;
    } catch (error) {
      throw fromUpstream(error, 'blob-unknown', context.log);
    }
  };
  const fetch = (repository: RepositoryName, digest: Digest, sizeBytes: number): BlobFetch => {
    const running = fetches.get(digest);
    if (running) return running.fetch;
    const { client, reference } = context.upstreamOf(repository);
    let before: number | undefined;
    const started = fetchBlob({
      client,
      reference,
      descriptor: { mediaType, digest, size: sizeBytes },
      content: context.content,
      onProgress(bytes) {
        // The first report is what an earlier run had left.
        if (before !== undefined && bytes > before) fetchedBytes += bytes - before;
        before = bytes;
      },
    });
    fetches.set(digest, { repository, fetch: started });
    const finished = started.done.then(
      () => {
        faultPoint('registry.cache.blob-stored');
        context.index.stored(digest, sizeBytes, context.now());
        context.index.confirm(repository, { digest, sizeBytes });
      },
      (error: unknown) =>
        context.log.warn('a blob did not come from the upstream registry', {
          repository,
          digest,
          reason: toSiloError(error).message,
        }),
    );
    void finished.then(() => {
      fetches.delete(digest);
      context.trim();
    });
    return started;
  };
  return {
    isBusy: (digest) => fetches.has(digest),
    fetchedBytes: () => fetchedBytes,
    async info(repository, digest) {
      return { digest, sizeBytes: await confirm(repository, digest) };
    },
    async open(repository, digest) {
      const stored = await context.content.find(digest);
      const member = context.index.member(repository, digest);
      const owner = fetches.get(digest)?.repository ?? repository;
      // Of what is not here yet, the fetching itself shows that this repository has it.
      const showsItself = member !== undefined && stored === undefined && owner === repository;
      const sizeBytes = showsItself ? member.sizeBytes : await confirm(repository, digest);
      // Open from here on: that it is removed meanwhile does not matter.
      const file =
        stored?.sizeBytes === sizeBytes ? await open(stored.path, 'r').catch(unlessMissing) : undefined;
      if (file !== undefined) {
        context.count('blob', 'hit');
        context.index.used(digest, context.now());
        return {
          digest,
          sizeBytes,
          changedMs: 0,
          content: { kind: 'file', file },
          [Symbol.asyncDispose]: () => file.close(),
        };
      }
      context.count('blob', fetches.has(digest) ? 'hit' : 'miss');
      const running = fetch(repository, digest, sizeBytes);
      try {
        // A refusal is told as such: once the answer's head was sent, only its breaking off could tell.
        await firstBytes(await running.stream());
      } catch (error) {
        if (toSiloError(error).code !== 'blob-restarted')
          throw fromUpstream(error, 'blob-unknown', context.log);
      }
      return {
        digest,
        sizeBytes,
        changedMs: 0,
        content: {
          kind: 'stream',
          read: (start, end) =>
            Readable.from(follow(context, running, { digest, start, end }), {
              objectMode: false,
              highWaterMark: 1 << 20,
            }),
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    },
    mount: async () => false,
    remove: () => Promise.reject(readOnly()),
  };
}

/** Resolves when there are some, or the end; leaving the loop closes the stream. */
async function firstBytes(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream) return;
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

async function* readStored(
  { content }: CacheContext,
  digest: Digest,
  range: { start: number; end: number },
): AsyncGenerator<Uint8Array> {
  yield* (await content.read(digest, range)) as AsyncIterable<Uint8Array>;
}

/**
 * The wanted part of what comes, but for its last byte, which waits until the whole was found right (the stream ends then, or fails): an answer that ends
 * is the right blob.
 */
async function* follow(
  context: CacheContext,
  running: BlobFetch,
  { digest, start, end }: { digest: Digest; start: number; end: number },
): AsyncGenerator<Uint8Array> {
  let position = 0;
  let sent = false;
  let last: Uint8Array | undefined;
  try {
    for await (const chunk of (await running.stream()) as AsyncIterable<Uint8Array>) {
      const part = (from: number, to: number): Uint8Array =>
        chunk.subarray(Math.max(from - position, 0), Math.max(to - position, 0));
      const piece = part(start, end - 1);
      const tail = part(Math.max(start, end - 1), end);
      position += chunk.byteLength;
      if (tail.byteLength > 0) last = tail;
      if (piece.byteLength === 0) continue;
      sent = true;
      yield piece;
    }
  } catch (error) {
    // The download began again, and nothing of the first one was sent.
    if (toSiloError(error).code !== 'blob-restarted' || sent) throw error;
    await running.done;
    yield* readStored(context, digest, { start, end });
    return;
  }
  if (last) yield last;
}
