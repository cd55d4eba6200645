import { type Hash, createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { faultPoint } from '../../foundation/base/fault.ts';

/** So many bytes are written at once, while the next ones are hashed: what an upload holds in memory is twice this. */
const batchBytes = 1024 * 1024;
/** So many bytes at a time are brought to the disk while the next ones come, so that the end of a large upload does not wait for all of it. */
const syncBytes = 32 * 1024 * 1024;

/** So many files at a time are flushed behind their uploads: each waits on a thread of the pool, which writing needs too. */
const flushLimit = 4;

/** Flushes a file when there is room among those that are being flushed; undefined when there is none. */
export type FlushBehind = (file: FileHandle) => Promise<void> | undefined;

export function createFlushBehind(): FlushBehind {
  let running = 0;
  return (file) => {
    if (running >= flushLimit) return undefined;
    running++;
    return file.datasync().finally(() => running--);
  };
}

/** A file that grows and is hashed on the way. */
export interface GrowingFile {
  readonly file: FileHandle;
  hash: Hash;
  sizeBytes: number;
}

/** Hashes what the file holds. */
export async function hashedFile(file: FileHandle, algorithm: 'sha256' | 'sha512'): Promise<GrowingFile> {
  const hash = createHash(algorithm);
  const buffer = Buffer.allocUnsafe(batchBytes);
  let sizeBytes = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, sizeBytes);
    if (bytesRead === 0) return { file, hash, sizeBytes };
    hash.update(buffer.subarray(0, bytesRead));
    sizeBytes += bytesRead;
  }
}

/** Appends all that comes. When the source or a write fails, `sizeBytes` and the hash may disagree: hash the file again. */
export async function appendAll(
  target: GrowingFile,
  source: AsyncIterable<Uint8Array>,
  flushBehind: FlushBehind,
): Promise<void> {
  let batch: Uint8Array[] = [];
  let batched = 0;
  let writing: Promise<void> = Promise.resolve();
  let syncing: Promise<void> | undefined;
  let unsyncedBytes = 0;
  // A failure is told once by the kernel: it must not be lost, so it is waited for at the latest at the end.
  const syncBehind = async (): Promise<void> => {
    if (unsyncedBytes < syncBytes) return;
    await syncing;
    syncing = flushBehind(target.file);
    if (syncing === undefined) return;
    unsyncedBytes = 0;
    syncing.catch(() => undefined);
  };
  const flush = async (): Promise<void> => {
    const [chunks, position] = [batch, target.sizeBytes];
    target.sizeBytes += batched;
    unsyncedBytes += batched;
    [batch, batched] = [[], 0];
    await writing;
    await syncBehind();
    writing = writeFully(target.file, chunks, position);
    // Its failure is seen by the next flush or the end.
    writing.catch(() => undefined);
  };
  try {
    for await (const chunk of source) {
      target.hash.update(chunk);
      batch.push(chunk);
      batched += chunk.byteLength;
      if (batched >= batchBytes) await flush();
    }
  } finally {
    // Also what came before the source failed: the client resumes behind it.
    if (batched > 0) await flush();
    await writing;
    await syncing;
  }
}

async function writeFully(file: FileHandle, chunks: Uint8Array[], position: number): Promise<void> {
  const wanted = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const { bytesWritten } = await file.writev(chunks, position);
  faultPoint('registry.upload.write');
  if (bytesWritten === wanted) return;
  // Short: a full disk or a signal. The rest in one piece, until it fails or is done.
  const rest = Buffer.concat(chunks).subarray(bytesWritten);
  for (let done = 0; done < rest.byteLength;) {
    const step = await file.write(rest, done, rest.byteLength - done, position + bytesWritten + done);
    done += step.bytesWritten;
  }
}
