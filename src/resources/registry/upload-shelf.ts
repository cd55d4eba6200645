import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, isDiskFull } from '../../foundation/base/errors.ts';
import { digestAlgorithm, digestHex } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import { publishFile, type ShelfContext } from './blob-shelf.ts';
import { errnoOf, unlessMissing } from './errno.ts';
import type { Upload, UploadShelf } from './store.ts';
import { appendAll, createFlushBehind, type GrowingFile, hashedFile } from './upload-file.ts';

/** Uploads that wait for their next chunk with their hash in memory; others are hashed again when it comes. */
const openLimit = 256;

/**
 * `ID` begins with the hash of its repository's name, so that an upload belongs to one repository without a record of its own; `.512` says which hash
 * is computed on the way.
 */
const idPattern = /^[0-9a-f]{16}-[0-9a-f]{32}$/;
const prefixOf = (repository: RepositoryName): string =>
  createHash('sha256').update(repository).digest('hex').slice(0, 16);

export interface ClosableUploadShelf extends UploadShelf, AsyncDisposable {}

export function createUploadShelf(context: ShelfContext): ClosableUploadShelf {
  const { paths } = context;
  const flushBehind = createFlushBehind();
  // In order of last use.
  const opened = new Map<string, { upload: Upload; close: () => Promise<void>; isBusy: () => boolean }>();

  const closeOldest = async (): Promise<void> => {
    for (const [id, { close, isBusy }] of opened) {
      if (opened.size <= openLimit) return;
      if (isBusy()) continue;
      opened.delete(id);
      await close();
    }
  };
  const adopt = async (
    repository: RepositoryName,
    { id, algorithm, state }: { id: string; algorithm: 'sha256' | 'sha512'; state: GrowingFile },
  ): Promise<Upload> => {
    const path = join(paths.uploads, id);
    let current = state;
    let busy = false;
    const forget = async (): Promise<void> => {
      opened.delete(id);
      await current.file.close().catch(() => undefined);
    };
    const discard = async (): Promise<void> => {
      await forget();
      await unlink(path).catch(unlessMissing);
    };
    const upload: Upload = {
      id,
      get offset() {
        return current.sizeBytes;
      },
      async append(source) {
        busy = true;
        try {
          await appendAll(current, source, flushBehind);
        } catch (error) {
          // A full disk must not stay full because of half a blob; after a failed write nobody knows what is on the disk.
          if (isDiskFull(error) || errnoOf(error) === 'EIO') await discard();
          else current = await hashedFile(current.file, algorithm);
          throw error;
        } finally {
          busy = false;
        }
      },
      async finish(digest) {
        busy = true;
        try {
          const hashed =
            digestAlgorithm(digest) === algorithm
              ? current
              : await hashedFile(current.file, digestAlgorithm(digest));
          if (hashed.hash.copy().digest('hex') !== digestHex(digest)) {
            await discard();
            throw invalid(`what was uploaded does not have the digest ${digest}`, { code: 'digest-invalid' });
          }
          try {
            await current.file.datasync();
          } catch (error) {
            await discard();
            throw error;
          }
          await publishFile(context, { path, repository, digest });
          await forget();
        } finally {
          busy = false;
        }
      },
      cancel: discard,
    };
    opened.set(id, { upload, close: () => current.file.close(), isBusy: () => busy });
    await closeOldest();
    return upload;
  };

  return {
    async start(repository, algorithm) {
      const suffix = algorithm === 'sha512' ? '.512' : '';
      const id = `${prefixOf(repository)}-${randomBytes(16).toString('hex')}${suffix}`;
      const file = await open(join(paths.uploads, id), 'wx+', 0o600);
      return adopt(repository, { id, algorithm, state: { file, hash: createHash(algorithm), sizeBytes: 0 } });
    },
    async open(repository, id) {
      const algorithm = id.endsWith('.512') ? 'sha512' : 'sha256';
      const bare = algorithm === 'sha512' ? id.slice(0, -4) : id;
      if (!idPattern.test(bare) || !bare.startsWith(prefixOf(repository))) return undefined;
      const known = opened.get(id);
      if (known !== undefined) {
        opened.delete(id);
        opened.set(id, known);
        return known.upload;
      }
      const flags = constants.O_RDWR | constants.O_NOFOLLOW;
      const file = await open(join(paths.uploads, id), flags).catch(unlessMissing);
      if (file === undefined) return undefined;
      try {
        return await adopt(repository, { id, algorithm, state: await hashedFile(file, algorithm) });
      } catch (error) {
        await file.close();
        throw error;
      }
    },
    async *list() {
      for (const name of await readdir(paths.uploads)) {
        if (!idPattern.test(name.replace(/\.512$/, ''))) continue;
        const found = await stat(join(paths.uploads, name)).catch(unlessMissing);
        if (found === undefined) continue;
        yield {
          id: name,
          sizeBytes: found.size,
          changedMs: found.mtimeMs,
          belongsTo: (repository) => name.startsWith(prefixOf(repository)),
        };
      }
    },
    async sweep(olderThanMs) {
      for (const name of await readdir(paths.uploads)) {
        const path = join(paths.uploads, name);
        const entry = opened.get(name);
        const found = entry?.isBusy() === true ? undefined : await stat(path).catch(unlessMissing);
        if (found === undefined || found.mtimeMs >= olderThanMs) continue;
        if (entry === undefined) await unlink(path).catch(unlessMissing);
        else await entry.upload.cancel();
      }
    },
    async [Symbol.asyncDispose]() {
      const all = [...opened.values()];
      opened.clear();
      await Promise.all(all.map(({ close }) => close()));
    },
  };
}
