import { type Hash, createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { faultPoint } from '../../foundation/base/fault.ts';

/** So many bytes are written at once, while the next ones are hashed: what an upload holds in memory is twice this. */
const batchBytes = 1024 * 1024;

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
export async function appendAll(target: GrowingFile, source: AsyncIterable<Uint8Array>): Promise<void> {
  let batch: Uint8Array[] = [];
  let batched = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    const [chunks, position] = [batch, target.sizeBytes];
    target.sizeBytes += batched;
    [batch, batched] = [[], 0];
    await writing;
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
