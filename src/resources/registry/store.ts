import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Digest } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';

/**
 * Where a registry keeps its bytes. Knows blobs, an index of named manifests per repository, and uploads; nothing of what a manifest says. What
 * refers to what, locks and collection are the engine's (`engine/registry`).
 *
 * Promises of every implementation: a blob that `find` shows is whole and has its digest; what was stored survives the loss of power (a deleted
 * blob may come back by it); a death at any instruction leaves the state before or after, and a leftover that a `sweep` takes away.
 */
export interface RegistryStore extends AsyncDisposable {
  readonly blobs: BlobShelf;
  readonly indexes: IndexShelf;
  readonly uploads: UploadShelf;
}

/** Blobs by repository and digest. Equal blobs of several repositories may share their bytes, which nobody can tell. */
export interface BlobShelf {
  find(repository: RepositoryName, digest: Digest): Promise<StoredBlob | undefined>;
  /** Ready to be read; kind `not-found` when absent. */
  open(repository: RepositoryName, digest: Digest): Promise<OpenBlob>;
  /** Bytes at hand, whose digest the caller computed. */
  put(repository: RepositoryName, digest: Digest, bytes: Uint8Array): Promise<void>;
  /** Gives a blob of one repository to another without its bytes passing by; false when the first has none, or it cannot be done. */
  share(digest: Digest, from: RepositoryName, to: RepositoryName): Promise<boolean>;
  /** Deletes it from this repository; false when it was absent. */
  remove(repository: RepositoryName, digest: Digest): Promise<boolean>;
  list(repository: RepositoryName): AsyncIterable<StoredBlob>;
  /** Repositories that may have blobs, in no order: those of pushes that never came to a manifest too. */
  holders(): Promise<RepositoryName[]>;
  /** Frees bytes that no repository has, if they were so since before that time. Resolves to the number of bytes. */
  sweep(olderThanMs: number): Promise<number>;
}

export interface StoredBlob {
  digest: Digest;
  sizeBytes: number;
  /** When it was stored or shared last, at least: milliseconds since the epoch. */
  changedMs: number;
}

/** Whoever opened it disposes of it. A blob that is removed meanwhile can be read to its end. */
export interface OpenBlob extends StoredBlob, AsyncDisposable {
  readonly content: BlobContent;
}

/** A file can be sent without its bytes passing through the program; other stores give streams. */
export type BlobContent =
  | { kind: 'file'; file: FileHandle }
  /** The bytes from `start` (inclusive) to `end` (exclusive). */
  | { kind: 'stream'; read(start: number, end: number): Readable };

/** One document per repository: OCI image layout, index.json. */
export interface IndexShelf {
  /** Names of all repositories, in no order. */
  repositories(): Promise<RepositoryName[]>;
  /** Undefined when there is no such repository. */
  read(repository: RepositoryName): Promise<IndexEntry[] | undefined>;
  /**
   * Adds changes to what is there; makes the repository when they are the first. A store may keep them beside the document for a while, or write the whole,
   * which is asked for when it is needed and may have later changes already.
   */
  change(repository: RepositoryName, changes: readonly IndexChange[], whole: WholeIndex): Promise<void>;
  /** Deletes the repository; a blob that it has all the same stays. */
  remove(repository: RepositoryName): Promise<void>;
}

/** In the order in which they happened; each may be done twice. */
export type IndexChange =
  | { kind: 'manifest'; digest: Digest; mediaType: string; size: number }
  | { kind: 'tag'; tag: string; digest: Digest }
  | { kind: 'untag'; tag: string }
  /** A manifest with all its tags. */
  | { kind: 'gone'; digest: Digest };

export interface WholeIndex {
  readonly size: number;
  entries(): readonly IndexEntry[];
}

/** A manifest of the repository; one entry for each of its tags, or one without. */
export interface IndexEntry {
  mediaType: string;
  digest: Digest;
  size: number;
  tag?: string;
}

/** Uploads under way, by an id that contains nothing that a client chose. */
export interface UploadShelf {
  start(repository: RepositoryName, algorithm: 'sha256' | 'sha512'): Promise<Upload>;
  /** Also after a restart, at the byte where it was; undefined when this repository has no such upload. */
  open(repository: RepositoryName, id: string): Promise<Upload | undefined>;
  /** All of them, those of an earlier run too. */
  list(): AsyncIterable<StoredUpload>;
  /** Deletes uploads on which nothing was written since before that time and which are not in use. */
  sweep(olderThanMs: number): Promise<void>;
}

export interface StoredUpload {
  id: string;
  sizeBytes: number;
  /** When something was written last. */
  changedMs: number;
  /** Its repository is not recorded, but can be compared. */
  readonly belongsTo: (repository: RepositoryName) => boolean;
}

/** One caller at a time: the engine sees to that. */
export interface Upload {
  readonly id: string;
  readonly offset: number;
  /** Appends; hashed on the way. When the source fails, what came before is kept. */
  append(source: AsyncIterable<Uint8Array>): Promise<void>;
  /** Makes it a blob of its repository, or, with another digest, deletes it and throws kind `invalid`, code `digest-invalid`. */
  finish(digest: Digest): Promise<void>;
  cancel(): Promise<void>;
}
