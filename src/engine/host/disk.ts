import type { ChainId, Digest } from '../../foundation/oci/digest.ts';

/** Disk space of everything that the engine keeps, and giving it back. */
export interface DiskCommands {
  /**
   * What each thing takes on the disk, as `du` counts (allocated blocks; each hard-linked file once). Walks in a process of its own. With `parts` only
   * those are counted, and the sums are theirs.
   */
  usage(options?: { parts?: readonly DiskPart[] }): Promise<DiskUsage>;
  /** What may still be written to the file system of the data root. */
  freeBytes(): Promise<number>;
  /**
   * Looks for what no record knows and for what records miss; with `repair` mends it. Data that the engine does not understand is never deleted: it is
   * reported, or moved to `lost+found` below the data root. `rehash` also reads every blob.
   */
  check(options: CheckOptions): Promise<DiskFinding[]>;
  /** Keeps the image from background cleaning, or no longer. A prune that its user asks for removes it all the same. */
  pin(image: string, pinned: boolean): void;
}

export type DiskPart = 'images' | 'containers' | 'volumes';

export interface DiskUsage {
  /** Layers, blobs and partial downloads. */
  imagesBytes: number;
  /** Of those, by chain id and by digest. */
  layersBytes: Record<ChainId, number>;
  blobsBytes: Record<Digest, number>;
  /** Writable layers and folders of containers (logs too), by id. */
  containersBytes: Record<string, number>;
  volumesBytes: Record<string, number>;
  /**
   * Everything below the data root; the sum of images, containers, volumes and `otherBytes` (the database, temporary files, the folders that hold all
   * this, what is being deleted). Mounted file systems below it take their space elsewhere and are not counted.
   */
  totalBytes: number;
  otherBytes: number;
}

export interface CheckOptions {
  repair: boolean;
  rehash: boolean;
  signal?: AbortSignal;
}

export interface DiskFinding {
  /** `orphan-layer`, `orphan-mount`, `missing-layer`, `orphan-volume`, `damaged-record`… */
  kind: string;
  subject: string;
  message: string;
  /** Whether `repair` mends it. */
  repairable: boolean;
  repaired: boolean;
}
