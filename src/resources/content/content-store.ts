import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { once } from 'node:events';
import { SiloError, conflict, corrupt, internal, invalid, notFound } from '../../foundation/base/errors.ts';
import { type Digest, digestAlgorithm, digestHex, isDigest } from '../../foundation/oci/digest.ts';
import type { BlobInfo, ContentStore } from './content.ts';
import { createDirectorySync } from '../../foundation/base/directory-sync.ts';
import { diskError, errnoOf } from './disk-errors.ts';
import { openIngest } from './ingest.ts';

const smallLimitBytes = 8 * 1024 * 1024;
const readChunkBytes = 512 * 1024;
const algorithms = ['sha256', 'sha512'] as const;

/** Opens the store below `directory` (created, mode 0700). One process at a time may use a directory. */
export async function openContentStore(directory: string): Promise<ContentStore> {
  const ingestRoot = join(directory, 'ingest');
  for (const algorithm of algorithms)
    await mkdir(join(directory, 'blobs', algorithm), { recursive: true, mode: 0o700 });
  await mkdir(ingestRoot, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);

  const syncDirectory = createDirectorySync();
  const openKeys = new Set<string>();
  const blobPath = (digest: Digest): { folder: string; path: string } => {
    const folder = join(directory, 'blobs', digestAlgorithm(digest));
    return { folder, path: join(folder, digestHex(digest)) };
  };
  const find = async (digest: Digest): Promise<BlobInfo | undefined> => {
    const { path } = blobPath(digest);
    const found = await stat(path).catch(unlessMissing);
    return found?.isFile() ? { digest, sizeBytes: found.size, path } : undefined;
  };
  const get = async (digest: Digest): Promise<BlobInfo> => {
    const found = await find(digest);
    if (found === undefined)
      throw notFound(`blob ${digest} is not in the content store`, { code: 'blob-unknown' });
    return found;
  };

  return {
    find,
    async read(digest, range = {}) {
      const { path, sizeBytes } = await get(digest);
      const start = range.start ?? 0;
      const end = Math.min(range.end ?? sizeBytes, sizeBytes);
      if (!Number.isSafeInteger(start) || start < 0 || end < start)
        throw invalid(`range ${start}-${end} is outside of blob ${digest} (${sizeBytes} bytes)`);
      if (start === end) return Readable.from([]);
      const stream = createReadStream(path, { start, end: end - 1, highWaterMark: readChunkBytes });
      await once(stream, 'open');
      return stream;
    },
    async readSmall(digest, limitBytes = smallLimitBytes) {
      const { path, sizeBytes } = await get(digest);
      if (sizeBytes > limitBytes)
        throw invalid(`blob ${digest} has ${sizeBytes} bytes: more than the limit of ${limitBytes}`);
      const bytes = await readWhole(path, sizeBytes);
      const actual = createHash(digestAlgorithm(digest)).update(bytes).digest('hex');
      if (actual !== digestHex(digest))
        throw corrupt(`blob ${digest} is damaged on disk`, {
          code: 'blob-damaged',
          hint: 'remove the images that use it and pull them again',
        });
      return bytes;
    },
    async ingest(ref, options = {}) {
      const key = createHash('sha256').update(ref).digest('hex');
      if (openKeys.has(key))
        throw conflict(`"${ref.slice(0, 200)}" is being written already`, { code: 'ingest-busy' });
      openKeys.add(key);
      try {
        return await openIngest({
          folder: join(ingestRoot, key),
          algorithm: options.algorithm ?? 'sha256',
          blobPath,
          syncDirectory,
          release: () => openKeys.delete(key),
        });
      } catch (error) {
        openKeys.delete(key);
        throw error instanceof SiloError ? error : diskError(error, 'cannot open a partial blob');
      }
    },
    async remove(digest) {
      await unlink(blobPath(digest).path).catch(unlessMissing);
    },
    async list() {
      const blobs: BlobInfo[] = [];
      for (const algorithm of algorithms) {
        for (const hex of await readdir(join(directory, 'blobs', algorithm))) {
          const digest = `${algorithm}:${hex}`;
          const found = isDigest(digest) ? await find(digest) : undefined;
          if (found) blobs.push(found);
        }
      }
      return blobs;
    },
    async sweepPartial(olderThanMs) {
      for (const key of await readdir(ingestRoot)) {
        if (openKeys.has(key)) continue;
        openKeys.add(key);
        try {
          await sweepFolder(join(ingestRoot, key), olderThanMs);
        } finally {
          openKeys.delete(key);
        }
      }
    },
  };
}

async function sweepFolder(folder: string, olderThanMs: number): Promise<void> {
  // Without the file (a crash right after the rename) the folder's own time counts.
  const found =
    (await stat(join(folder, 'data')).catch(unlessMissing)) ?? (await stat(folder).catch(unlessMissing));
  if (found && found.mtimeMs < olderThanMs) await rm(folder, { recursive: true, force: true });
}

async function readWhole(path: string, sizeBytes: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array(sizeBytes);
    for (let position = 0; position < sizeBytes;) {
      const { bytesRead } = await file.read(bytes, position, sizeBytes - position, position);
      if (bytesRead === 0) throw internal(`${path} shrank while it was read`);
      position += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

function unlessMissing(error: unknown): undefined {
  if (errnoOf(error) === 'ENOENT') return undefined;
  throw error;
}
