import { type Hash, createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { corrupt, internal } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { type Digest, digestAlgorithm, parseDigest } from '../../foundation/oci/digest.ts';
import type { BlobInfo, Ingest } from './content.ts';
import { diskError, errnoOf } from './disk-errors.ts';
import type { DirectorySync } from '../../foundation/base/directory-sync.ts';

/** Hashing this much takes less than a millisecond, so the event loop stays free. */
const sliceBytes = 1024 * 1024;

export interface OpenIngest {
  /** `DIR/ingest/<sha256 of ref>`; holds the one file `data`. */
  folder: string;
  algorithm: 'sha256' | 'sha512';
  /** Where the blob of this digest belongs. */
  blobPath(digest: Digest): { folder: string; path: string };
  syncDirectory: DirectorySync;
  /** Called once, when the folder is no longer in use. */
  release(): void;
}

/** Opens the partial file and hashes what a former run left in it. */
export async function openIngest(options: OpenIngest): Promise<Ingest> {
  const path = join(options.folder, 'data');
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const file = await openPartial(path);
  try {
    const hash = createHash(options.algorithm);
    const sizeBytes = await hashFile(file, hash);
    return createIngest(options, { file, path, hash, sizeBytes });
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openPartial(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  try {
    return await open(path, flags, 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    // A crash between making it read-only and renaming it; only root opens such a file as it is.
    await chmod(path, 0o600);
    return open(path, flags, 0o600);
  }
}

interface PartialFile {
  file: FileHandle;
  path: string;
  hash: Hash;
  sizeBytes: number;
}

function createIngest(options: OpenIngest, partial: PartialFile): Ingest {
  const { file, path } = partial;
  let { hash, sizeBytes } = partial;
  let state: 'open' | 'broken' | 'closed' = 'open';
  let tail: Promise<void> = Promise.resolve();

  const close = async (): Promise<void> => {
    if (state === 'closed') return;
    state = 'closed';
    await tail.catch(() => undefined);
    await file.close();
    options.release();
  };
  const discard = async (): Promise<void> => {
    // Once closed, the folder may be somebody else's.
    if (state === 'closed') return;
    state = 'broken';
    await tail.catch(() => undefined);
    await rm(options.folder, { recursive: true, force: true });
    await close();
  };
  const append = async (chunk: Uint8Array): Promise<void> => {
    if (state !== 'open') throw internal('the partial blob is closed or a former write failed');
    try {
      for (let start = 0; start < chunk.byteLength; start += sliceBytes) {
        const slice = chunk.subarray(start, start + sliceBytes);
        const written = writeFully(file, slice, sizeBytes);
        hash.update(slice);
        await written;
        sizeBytes += slice.byteLength;
        faultPoint('content.ingest.write');
      }
    } catch (error) {
      // The hash has run ahead of the file; a later opening of the file hashes again.
      state = 'broken';
      const wrapped = diskError(error, 'cannot write a downloaded blob');
      // A full disk must not stay full because of half a blob.
      if (wrapped.kind === 'exhausted') await file.truncate(0).catch(() => undefined);
      throw wrapped;
    }
  };
  const publish = async (digest: Digest): Promise<BlobInfo> => {
    const target = options.blobPath(digest);
    const info = { digest, sizeBytes, path: target.path };
    try {
      faultPoint('content.commit.before-sync');
      await file.sync();
      await file.chmod(0o400);
      faultPoint('content.commit.before-rename');
      await rename(path, target.path);
      faultPoint('content.commit.after-rename');
      await options.syncDirectory(target.folder);
    } catch (error) {
      throw diskError(error, `cannot store blob ${digest}`);
    }
    faultPoint('content.commit.after-sync');
    await discard();
    return info;
  };
  return {
    path,
    get offset() {
      return sizeBytes;
    },
    write(chunk) {
      const done = tail.then(() => append(chunk));
      tail = done;
      // The failure belongs to this caller; those who only wait for their turn see the state.
      tail.catch(() => undefined);
      return done;
    },
    async truncate() {
      await tail.catch(() => undefined);
      if (state === 'closed') throw internal('the partial blob is closed');
      await file.truncate(0);
      hash = createHash(options.algorithm);
      sizeBytes = 0;
      tail = Promise.resolve();
      state = 'open';
    },
    async commit(expected = {}) {
      await tail;
      if (state !== 'open') throw internal('the partial blob is closed or a former write failed');
      const digest = parseDigest(`${options.algorithm}:${hash.copy().digest('hex')}`);
      const problem = mismatch(expected, digest, sizeBytes);
      if (problem !== undefined) {
        await discard();
        throw problem;
      }
      return publish(digest);
    },
    abort: discard,
    [Symbol.asyncDispose]: close,
  };
}

function mismatch(
  expected: { digest?: Digest; sizeBytes?: number },
  digest: Digest,
  sizeBytes: number,
): Error | undefined {
  if (expected.sizeBytes !== undefined && expected.sizeBytes !== sizeBytes)
    return corrupt(
      `blob ${expected.digest ?? digest} has ${sizeBytes} bytes, expected ${expected.sizeBytes}`,
      {
        code: 'size-mismatch',
      },
    );
  if (expected.digest === undefined || expected.digest === digest) return undefined;
  if (digestAlgorithm(expected.digest) !== digestAlgorithm(digest))
    return internal(`blob ${expected.digest} was ingested with another algorithm`);
  return corrupt(`filesystem layer verification failed for digest ${expected.digest}: got ${digest}`, {
    code: 'digest-mismatch',
    hint: 'the registry or something on the way delivered other bytes than it announced; try again',
  });
}

async function writeFully(file: FileHandle, data: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < data.byteLength;) {
    const { bytesWritten } = await file.write(data, done, data.byteLength - done, position + done);
    done += bytesWritten;
  }
}

async function hashFile(file: FileHandle, hash: Hash): Promise<number> {
  const buffer = new Uint8Array(sliceBytes);
  let position = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, position);
    if (bytesRead === 0) return position;
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
