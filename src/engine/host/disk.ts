/** Disk space of everything that the engine keeps, and giving it back. */
export interface DiskCommands {
  /** What each thing takes on the disk, as `du` counts (allocated blocks; each hard-linked file once). */
  usage(options?: { signal?: AbortSignal }): Promise<DiskUsage>;
  /** Looks for what no record knows and for what records miss; with `repair` mends it. */
  check(options: { repair: boolean; onFinding?: (finding: DiskFinding) => void }): Promise<DiskFinding[]>;
}

export interface DiskUsage {
  /** Everything below `snapshots/` for images, and blobs. */
  imagesBytes: number;
  /** Writable layers and folders of containers (logs too), by id. */
  containersBytes: Record<string, number>;
  volumesBytes: Record<string, number>;
  /** Everything below the data root; the sum of the above and of `otherBytes` (the database, temporary files). */
  totalBytes: number;
  otherBytes: number;
}

export interface DiskFinding {
  /** `orphan-layer`, `orphan-mount`, `missing-layer`, `orphan-volume`, `damaged-record`… */
  kind: string;
  subject: string;
  message: string;
  repaired: boolean;
}
