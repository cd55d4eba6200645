import { canceled, invalid, notFound } from '../../foundation/base/errors.ts';
import { createKeyLock } from '../../foundation/base/key-lock.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { Upload } from '../../resources/registry/store.ts';
import type { RegistryContext } from './context.ts';
import type { RegistryUploads, UploadChunk } from './registry.ts';

export function createUploads({ store, leases }: RegistryContext): RegistryUploads {
  const locks = createKeyLock();
  const waiting = new Map<string, AbortController>();

  /** Whoever comes ends whoever still waits for bytes of a client: after a broken connection that is the same client. */
  const use = <T>(
    repository: RepositoryName,
    id: string,
    work: (upload: Upload, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    waiting.get(id)?.abort();
    return locks.run(id, async () => {
      const upload = await store.uploads.open(repository, id);
      if (upload === undefined)
        throw notFound(`upload ${id.slice(0, 100)} is unknown to ${repository}`, {
          code: 'blob-upload-unknown',
        });
      const controller = new AbortController();
      waiting.set(id, controller);
      try {
        return await work(upload, controller.signal);
      } finally {
        waiting.delete(id);
      }
    });
  };
  const append = async (upload: Upload, chunk: UploadChunk, signal: AbortSignal): Promise<void> => {
    const { range } = chunk;
    if (range !== undefined && range.first !== upload.offset)
      throw invalid(`the chunk begins at ${range.first}, but the upload has ${upload.offset} bytes`, {
        code: 'range-invalid',
      });
    const before = upload.offset;
    const expected = range === undefined ? undefined : range.last - range.first + 1;
    await upload.append(bounded(chunk.bytes, expected, signal));
    if (expected !== undefined && upload.offset - before !== expected)
      throw invalid(`the chunk has ${upload.offset - before} bytes, its range ${expected}`, {
        code: 'size-invalid',
      });
  };
  return {
    async start(repository, options = {}) {
      const upload = await store.uploads.start(repository, options.algorithm ?? 'sha256');
      return { id: upload.id, offset: 0 };
    },
    status: (repository, id) => use(repository, id, async (upload) => ({ id, offset: upload.offset })),
    append: (repository, id, chunk) =>
      use(repository, id, async (upload, signal) => {
        await append(upload, chunk, signal);
        return { id, offset: upload.offset };
      }),
    finish: (repository, id, digest, chunk) =>
      use(repository, id, async (upload, signal) => {
        await append(upload, chunk, signal);
        leases.touch(repository, digest);
        await upload.finish(digest);
      }),
    cancel: (repository, id) => use(repository, id, (upload) => upload.cancel()),
    underWay: () => store.uploads.list(),
  };
}

/**
 * Ends with the signal, and at the first byte too many. Each step has a promise of its own: one that all steps race against would hold what each of them
 * brought until the end, which is the whole blob.
 */
async function* bounded(
  source: AsyncIterable<Uint8Array>,
  limitBytes: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let interrupt = (): void => undefined;
  signal.addEventListener('abort', () => interrupt(), { once: true });
  const next = (): Promise<IteratorResult<Uint8Array>> =>
    new Promise((resolve, reject) => {
      interrupt = () => reject(canceled('another request took the upload over'));
      if (signal.aborted) interrupt();
      else iterator.next().then(resolve, reject);
    });
  let length = 0;
  try {
    for (;;) {
      const step = await next();
      if (step.done === true) return;
      length += step.value.byteLength;
      if (limitBytes !== undefined && length > limitBytes)
        throw invalid('the chunk is longer than its range', { code: 'size-invalid' });
      yield step.value;
    }
  } finally {
    // Not waited for: it waits for the bytes that do not come.
    void iterator.return?.().catch(() => undefined);
  }
}
