import type { Readable } from 'node:stream';
import type { Digest } from '../../foundation/oci/digest.ts';

/**
 * Blobs by digest: `DIR/blobs/<algorithm>/<hex>`, read-only once they have their name.
 *
 * Life of a blob: `ingest(ref)` opens (or reopens, after a crash or a broken download) a partial file; `write` appends and
 * hashes; `commit` compares size and digest, fsyncs and renames. Nothing that was not compared has ever a name. The files are
 * the truth, there is no table of blobs.
 */
export interface ContentStore {
  /** Size of the blob, or undefined. */
  find(digest: Digest): Promise<BlobInfo | undefined>;
  /** Reads the blob, or the bytes from `start` (inclusive) to `end` (exclusive). Not-found if absent. */
  read(digest: Digest, range?: { start?: number; end?: number }): Promise<Readable>;
  /** The whole of a small blob (manifest, configuration); kind `invalid` when above `limitBytes`. */
  readSmall(digest: Digest, limitBytes?: number): Promise<Uint8Array>;
  /**
   * Opens the partial blob of this name for appending. Two ingests of the same name exclude each other (kind `conflict`).
   * `algorithm` is that of the digest which will be committed.
   */
  ingest(ref: string, options?: { algorithm?: 'sha256' | 'sha512' }): Promise<Ingest>;
  /** Deletes the blob; absent is fine. Callers (the image engine's sweep) know that nothing refers to it. */
  remove(digest: Digest): Promise<void>;
  list(): Promise<BlobInfo[]>;
  /** Deletes partial files last written before this time (milliseconds since the epoch) and not open. */
  sweepPartial(olderThanMs: number): Promise<void>;
}

export interface BlobInfo {
  digest: Digest;
  sizeBytes: number;
  /** Absolute path of the blob's file: for reading only. */
  path: string;
}

export interface Ingest extends AsyncDisposable {
  /** Bytes that are already there, hashed again at opening: where a download resumes. */
  readonly offset: number;
  /** Path of the partial file; it grows as `write` resolves. */
  readonly path: string;
  write(chunk: Uint8Array): Promise<void>;
  /** Forgets all bytes: for servers that ignore a range request. */
  truncate(): Promise<void>;
  /** Compares with what was expected (kind `corrupt` otherwise, and the partial file is deleted), then publishes. */
  commit(expected?: { digest?: Digest; sizeBytes?: number }): Promise<BlobInfo>;
  /** Deletes the partial file. Disposing without commit keeps it for a later resume. */
  abort(): Promise<void>;
}
