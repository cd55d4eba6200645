import type { Readable } from 'node:stream';
import type { Descriptor, Platform } from '../../foundation/oci/descriptor.ts';
import type { Digest, ImageId } from '../../foundation/oci/digest.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import type { RegistryCredentials } from '../../resources/distribution/distribution.ts';
import type { ImageRecord } from './image.ts';

export interface ImageTransfers {
  /** Pulls, unpacks and publishes the name. Joining a pull of the same layers shares the work. */
  pull(request: PullRequest): Promise<PullResult>;
  /** The tags that the repository has at its registry, in its order. */
  remoteTags(request: Pick<PullRequest, 'reference' | 'credentials' | 'signal'>): Promise<string[]>;
  /** Makes containers of a packed image possible. Kind `unsupported` for artifacts and other operating systems. */
  unpack(id: ImageId, signal?: AbortSignal): Promise<ImageRecord>;
  /** Docker or OCI archive (plain or compressed tar). Publishes each image once it is whole. */
  load(archive: Readable, options: TransferOptions & { platform?: Platform }): Promise<LoadedImage[]>;
  /** A root file system as a one-layer image. */
  import(archive: Readable, options: TransferOptions & ImportOptions): Promise<ImageId>;
}

export interface ImageExports {
  /** Gives an image, or all tags of a repository when the reference has none, to its registry. The last step is the tag. */
  push(request: PushRequest): Promise<PushedTag[]>;
  /** Docker archive and OCI layout in one tar, as it is made. What is missing shows before the first byte. */
  save(request: SaveRequest): AsyncGenerator<Uint8Array>;
}

export interface PushRequest {
  reference: Reference;
  /** This platform's manifest alone. Otherwise an index goes whole when it is here whole, and the name's own manifest when it is not. */
  platform?: Platform;
  credentials?: RegistryCredentials;
  onProgress?: (progress: PushProgress) => void;
  signal?: AbortSignal;
}

export interface PushedTag {
  tag: string;
  digest: Digest;
  /** Of the manifest. */
  sizeBytes: number;
}

/** What happens during a push; layers by the short form of their diff ids. */
export type PushProgress =
  | { kind: 'repository'; name: string }
  | {
      kind: 'layer';
      id: string;
      phase: PushPhase;
      currentBytes?: number;
      totalBytes?: number;
      /** Repository that it was mounted from. */
      from?: string;
    }
  /** Of an index that is not here whole only this went. */
  | { kind: 'partial'; index: Descriptor; manifest: Descriptor }
  | ({ kind: 'tag' } & PushedTag);

export type PushPhase = 'preparing' | 'pushing' | 'pushed' | 'exists' | 'mounted' | 'skipped';

export interface SaveRequest {
  /** Names, repositories (all their tags) or ids. */
  names: readonly string[];
  /** This one alone; otherwise all that are here. */
  platform?: Platform;
  signal?: AbortSignal;
}

export interface TransferOptions {
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

export interface PullRequest extends TransferOptions {
  reference: Reference;
  /**
   * The host's when absent. `all`: everything that the name's index holds, attestations too, and what its registry lists as being about that (signatures,
   * lists of packages), by digest; what the host cannot run stays packed.
   */
  platform?: Platform | 'all';
  credentials?: RegistryCredentials;
}

export interface PullResult {
  image: ImageRecord;
  /** Digest of what the reference named (index or manifest). */
  digest: Digest;
  /** False when the name pointed there already. */
  changed: boolean;
}

export interface LoadedImage {
  id: ImageId;
  tags: string[];
}

export interface ImportOptions {
  reference?: Reference;
  message?: string;
  /** Dockerfile instructions (`CMD`, `ENV`…) applied to the configuration. */
  changes?: string[];
  platform?: Platform;
  createdAtMs?: number;
}

/** What happens to one thing (a layer by short id, or the whole) during a transfer; the wording is the frontend's. */
export type Progress =
  | { kind: 'resolving'; reference: string }
  | { kind: 'layer'; id: string; phase: LayerPhase; currentBytes?: number; totalBytes?: number }
  | { kind: 'retrying'; id: string; inSeconds: number }
  | { kind: 'loaded'; reference?: string; id: ImageId };

export type LayerPhase =
  | 'waiting'
  | 'downloading'
  | 'verifying'
  | 'downloaded'
  | 'extracting'
  | 'complete'
  | 'exists';
