import type { Readable } from 'node:stream';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { ImageRunConfig } from '../../../foundation/oci/image-config.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';

/**
 * Files of containers from outside: copying, comparing, exporting, committing. Everything inside is hostile: paths are resolved below the container's
 * root only, nothing from it is executed, and a container that swaps files for links meanwhile reaches nothing outside. A running container shows
 * what its processes see (volumes and tmpfs included), a stopped one its layer with its mounts in place. None takes the container's lock for the
 * length of a transfer.
 */
export interface ContainerFiles {
  /** Not-found with Docker's text `Could not find the file P in container C`. A link at the end is not followed, as Docker. */
  stat(nameOrId: string, path: string): Promise<PathStat>;
  /** A tar of the path, whose entries start with its last name. Ends with the signal, or when nobody reads. */
  read(
    nameOrId: string,
    path: string,
    options?: { signal?: AbortSignal },
  ): Promise<{ stat: PathStat; tar: Readable }>;
  /** Extracts a tar (plain, gzip, zstd, bzip2 or xz) into the directory `path`. What was written until a failure stays, as Docker. */
  write(nameOrId: string, path: string, tar: Readable, options: WriteFiles): Promise<void>;
  /** Copies a directory of the layers, without what is mounted, to `_data` in an empty folder of the engine's own. Makes nothing when the path is no directory. */
  copyTo(
    nameOrId: string,
    path: string,
    directory: string,
    options?: { signal?: AbortSignal | undefined },
  ): Promise<void>;
}

/** What a container did to its root file system. */
export interface ContainerChanges {
  /** What the container's layer changed, in the order of the paths. */
  changes(nameOrId: string): Promise<FileChange[]>;
  /** The whole root file system without mounts, as a tar. */
  export(nameOrId: string, options?: { signal?: AbortSignal }): Promise<Readable>;
}

export interface WriteFiles {
  /** A directory is not replaced by something else, nor the other way round (`noOverwriteDirNonDir`). */
  keepKinds: boolean;
  /** Everything belongs to the user that the container runs as (`copyUIDGID`, which does nothing without one); otherwise the archive's owners count. */
  asUser: boolean;
  signal?: AbortSignal;
}

/** Docker's `X-Docker-Container-Path-Stat`, in our words. */
export interface PathStat {
  name: string;
  sizeBytes: number;
  /** `st_mode` of the kernel; the frontend translates it to Go's bits. */
  mode: number;
  modifiedAtNs: bigint;
  /** Where a link points, resolved in the container's root; empty for others. */
  linkTarget: string;
}

export interface FileChange {
  path: string;
  kind: 'modified' | 'added' | 'deleted';
}

/** Makes an image from a container's layer. */
export interface ContainerCommit {
  commit(nameOrId: string, request: CommitRequest): Promise<ImageId>;
}

export interface CommitRequest {
  reference?: Reference;
  author: string;
  comment: string;
  /** Freeze a running container while its files are read (Docker's default). */
  pause: boolean;
  /** Dockerfile instructions, applied over the configuration. */
  changes: string[];
  /** Goes over the container's configuration, field by field as Docker joins them. */
  config?: ImageRunConfig;
  /** The image gets no configuration at all, whatever the container's is; `createdBy` is for its history. For steps of builds, whose containers are removed afterwards: their own layer may be taken away. */
  bare?: {
    createdBy: string;
    /** Mount points that were made for its run (`StartOptions.onMountPoints`): those still empty are no part of the image. */
    mountPoints?: readonly string[];
    /** As in `ComposeRequest`. */
    latestMtimeSec?: number;
  };
  signal?: AbortSignal;
}
