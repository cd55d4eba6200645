import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import type { Digest } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';
import type { OpenBlob, StoredUpload } from '../../resources/registry/store.ts';

/**
 * A registry of images and artifacts: OCI distribution specification 1.1, without its words for HTTP. Something that wraps another registry
 * (a cache) gives the same contract.
 *
 * Errors carry the specification's codes in kebab-case: `blob-unknown`, `manifest-unknown`, `manifest-invalid`, `manifest-blob-unknown`,
 * `name-unknown`, `digest-invalid`, `size-invalid`, `blob-upload-unknown`, `range-invalid`, `unsupported`.
 */
export interface Registry {
  readonly manifests: RegistryManifests;
  readonly blobs: RegistryBlobs;
  readonly uploads: RegistryUploads;
  readonly lists: RegistryLists;
  readonly upkeep: RegistryUpkeep;
}

/** By tag or digest. */
export type ManifestReference = { kind: 'tag'; tag: string } | { kind: 'digest'; digest: Digest };

export interface ManifestInfo {
  digest: Digest;
  /** As it was pushed, word by word. */
  mediaType: string;
  sizeBytes: number;
}

export interface RegistryManifests {
  /** Kind `not-found`, code `manifest-unknown` or `name-unknown`. */
  info(repository: RepositoryName, reference: ManifestReference): Promise<ManifestInfo>;
  get(
    repository: RepositoryName,
    reference: ManifestReference,
  ): Promise<ManifestInfo & { bytes: Uint8Array }>;
  /** Whole once it resolves: all that it refers to is there, and stays. */
  put(
    repository: RepositoryName,
    reference: ManifestReference,
    document: { mediaType: string | undefined; bytes: Uint8Array },
  ): Promise<{ digest: Digest; subject?: Digest }>;
  /** A tag alone, or a manifest with all its tags. */
  remove(repository: RepositoryName, reference: ManifestReference): Promise<void>;
}

export interface RegistryBlobs {
  /** Kind `not-found`, code `blob-unknown`. A blob that was seen stays for the grace period, so that a manifest can refer to it. */
  info(repository: RepositoryName, digest: Digest): Promise<{ digest: Digest; sizeBytes: number }>;
  open(repository: RepositoryName, digest: Digest): Promise<OpenBlob>;
  /** False when `from` has no such blob: the client then uploads it. Whether the client may read there is the caller's to ask. */
  mount(repository: RepositoryName, digest: Digest, from: RepositoryName): Promise<boolean>;
  /** Kind `unsupported` while a manifest of the repository refers to it. */
  remove(repository: RepositoryName, digest: Digest): Promise<void>;
}

export interface RegistryUploads {
  start(repository: RepositoryName, options?: { algorithm?: 'sha256' | 'sha512' }): Promise<UploadStatus>;
  /** Kind `not-found`, code `blob-upload-unknown`. */
  status(repository: RepositoryName, id: string): Promise<UploadStatus>;
  /**
   * Appends a chunk. A `range` must begin where the upload is (kind `invalid`, code `range-invalid`) and be as long as what comes. A request on an
   * upload ends another one that still waits for its client.
   */
  append(repository: RepositoryName, id: string, chunk: UploadChunk): Promise<UploadStatus>;
  /** Appends the last chunk, compares and publishes; code `digest-invalid` deletes the upload. */
  finish(repository: RepositoryName, id: string, digest: Digest, chunk: UploadChunk): Promise<void>;
  cancel(repository: RepositoryName, id: string): Promise<void>;
  /** All that are neither finished nor given up, those of an earlier run too. */
  underWay(): AsyncIterable<StoredUpload>;
}

export interface UploadStatus {
  id: string;
  /** Bytes that are there. */
  offset: number;
}

export interface UploadChunk {
  bytes: AsyncIterable<Uint8Array>;
  /** Of the client's `Content-Range`: first and last byte. */
  range?: { first: number; last: number };
}

export interface Page {
  /** At most so many; bounded anyway. */
  limit?: number;
  /** Only what comes after this one in lexical order. */
  after?: string;
}

/** `more`: there are further ones after the last. */
export interface PageOf<Item> {
  items: Item[];
  more: boolean;
}

export interface RegistryLists {
  repositories(page?: Page): Promise<PageOf<RepositoryName>>;
  /** Kind `not-found`, code `name-unknown`. */
  tags(repository: RepositoryName, page?: Page): Promise<PageOf<string>>;
  /** Manifests whose subject it is, by digest; none for an unknown subject. A page also ends where it would become too large for one answer. */
  referrers(
    repository: RepositoryName,
    subject: Digest,
    options?: ReferrersPage,
  ): Promise<PageOf<Descriptor>>;
}

/** `after` is a digest. */
export interface ReferrersPage extends Page {
  artifactType?: string;
}

export interface RegistryUpkeep {
  /** Frees what nothing refers to; safe while clients push and pull. */
  collectGarbage(options?: CollectOptions): Promise<CollectReport>;
  /** What the repository's manifests and blobs take, shared bytes counted in each. */
  usage(repository: RepositoryName): Promise<{ blobs: number; sizeBytes: number }>;
}

export interface CollectOptions {
  /** Also manifests without a tag that no index names and that are nobody's referrer. */
  untagged?: boolean;
  /** Only report. */
  dryRun?: boolean;
}

export interface CollectReport {
  manifests: number;
  blobs: number;
  /** Given back to the disk. */
  freedBytes: number;
}
