import { createHash, randomBytes } from 'node:crypto';
import { link, open, opendir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { DirectorySync } from '../../foundation/base/directory-sync.ts';
import { internal, notFound } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { type Digest, digestAlgorithm, digestHex, isDigest } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import { cannotLink, errnoOf, unlessMissing } from './errno.ts';
import type { Folders } from './folders.ts';
import type { LayoutPaths } from './layout-paths.ts';
import type { BlobShelf, StoredBlob } from './store.ts';
import { repositoriesWith } from './walk.ts';

export const algorithms = ['sha256', 'sha512'] as const;

export interface ShelfContext {
  paths: LayoutPaths;
  folders: Folders;
  syncDirectory: DirectorySync;
}

/** What of a folder's entry is told. */
const toStored = (digest: Digest, found: { size: number; ctimeMs: number }): StoredBlob => ({
  digest,
  sizeBytes: found.size,
  // link(2) changes the time of the file's last status change, and that of all its names.
  changedMs: found.ctimeMs,
});

export function createBlobShelf(context: ShelfContext, root: string): BlobShelf {
  const { paths } = context;
  return {
    async find(repository, digest) {
      const found = await stat(paths.blob(repository, digest)).catch(unlessMissing);
      return found?.isFile() ? toStored(digest, found) : undefined;
    },
    async open(repository, digest) {
      const file = await open(paths.blob(repository, digest), 'r').catch(unlessMissing);
      if (file === undefined)
        throw notFound(`blob ${digest} is unknown to ${repository}`, { code: 'blob-unknown' });
      try {
        return {
          ...toStored(digest, await file.stat()),
          content: { kind: 'file', file },
          [Symbol.asyncDispose]: () => file.close(),
        };
      } catch (error) {
        await file.close();
        throw error;
      }
    },
    async put(repository, digest, bytes) {
      if (createHash(digestAlgorithm(digest)).update(bytes).digest('hex') !== digestHex(digest))
        throw internal(`the bytes to store are not those of ${digest}`);
      const path = join(paths.uploads, `put-${randomBytes(16).toString('hex')}`);
      try {
        const file = await open(path, 'wx', 0o600);
        try {
          await file.writeFile(bytes);
          await file.datasync();
        } finally {
          await file.close();
        }
        await publishFile(context, { path, repository, digest });
      } catch (error) {
        await unlink(path).catch(unlessMissing);
        throw error;
      }
    },
    async share(digest, from, to) {
      await context.folders.ensure(paths.blobFolder(to, digest));
      try {
        await link(paths.blob(from, digest), paths.blob(to, digest));
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') return true;
        if (cannotLink(error) || unlessMissing(error) === undefined) return false;
      }
      await context.syncDirectory(paths.blobFolder(to, digest));
      return true;
    },
    async remove(repository, digest) {
      const removed = await unlink(paths.blob(repository, digest)).then(() => true, unlessMissing);
      return removed === true;
    },
    async *list(repository) {
      for (const algorithm of algorithms)
        yield* listFolder(join(paths.repository(repository), 'blobs', algorithm), algorithm);
    },
    holders: () => repositoriesWith(root, 'blobs'),
    async sweep(olderThanMs) {
      let freedBytes = 0;
      for (const algorithm of algorithms) {
        const folder = paths.poolFolder(algorithm);
        for await (const { name } of await opendir(folder)) {
          const path = join(folder, name);
          const found = await stat(path).catch(unlessMissing);
          if (found === undefined || found.nlink > 1 || found.ctimeMs >= olderThanMs) continue;
          // Whoever links it now has the bytes under a name of its own.
          await unlink(path).catch(unlessMissing);
          freedBytes += found.size;
        }
      }
      return freedBytes;
    },
  };
}

async function* listFolder(folder: string, algorithm: string): AsyncGenerator<StoredBlob> {
  const entries = await opendir(folder).catch(unlessMissing);
  if (entries === undefined) return;
  for await (const { name } of entries) {
    const digest = `${algorithm}:${name}`;
    if (!isDigest(digest)) continue;
    const found = await stat(join(folder, name)).catch(unlessMissing);
    if (found?.isFile()) yield toStored(digest, found);
  }
}

/**
 * Gives a file below the uploads, whose bytes are compared and on the disk, its name as a blob. What the pool has already is used instead, so
 * that equal blobs of all repositories are one file.
 */
export async function publishFile(
  { paths, folders, syncDirectory }: ShelfContext,
  { path, repository, digest }: { path: string; repository: RepositoryName; digest: Digest },
): Promise<void> {
  const folder = paths.blobFolder(repository, digest);
  const target = paths.blob(repository, digest);
  const pooled = paths.pooled(digest);
  faultPoint('registry.blob.before-name');
  await folders.within(folder, async () => {
    try {
      // The second time the pool has it: the first one came so far.
      await link(path, pooled);
      await rename(path, target);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') await useTwin({ path, pooled, target });
      else if (cannotLink(error)) await rename(path, target);
      else throw error;
    }
    faultPoint('registry.blob.after-name');
    await syncDirectory(folder);
  });
}

async function useTwin({
  path,
  pooled,
  target,
}: Record<'path' | 'pooled' | 'target', string>): Promise<void> {
  // Not the bytes that were compared a moment ago: the disk lost some, and whoever pushes again mends it.
  if ((await stat(pooled).catch(unlessMissing))?.size !== (await stat(path)).size) {
    await unlink(pooled).catch(unlessMissing);
    await link(path, pooled);
    return rename(path, target);
  }
  try {
    await link(pooled, target);
  } catch (error) {
    // The twin was swept meanwhile, or has as many names as a file can have.
    if (cannotLink(error) || errnoOf(error) === 'ENOENT') return rename(path, target);
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  await unlink(path);
}
