import type { Damage, MoveAside } from '../../foundation/base/damage.ts';
import type { Descriptor, Platform } from '../../foundation/oci/descriptor.ts';
import type { ChainId, Digest, ImageId } from '../../foundation/oci/digest.ts';
import type { ImageConfig, ImageHistory, ImageRunConfig } from '../../foundation/oci/image-config.ts';
import type { Reference } from '../../foundation/oci/reference.ts';

/**
 * Images: names that point at manifests, whose configuration and layers are in the stores.
 *
 * Bytes before names; children before parents; both hashes checked; one download per digest, one unpack per chain id. A lease covers
 * everything under way until its name is published; the sweep removes what neither a name, a container nor a lease reaches.
 * Names are kept canonical (`docker.io/library/busybox:latest`) and shown familiar (`busybox:latest`).
 */
export interface ImageQueries {
  /**
   * By reference (tag or digest), full or abbreviated id (with or without `sha256:`). Not-found with Docker's text `No such image: X`. With a
   * platform the one of the name's platforms that suits best; not-found when none does.
   */
  resolve(nameOrId: string, platform?: Platform): ImageRecord;
  /** All platforms that are here of what the name means, the name's own first. An id means itself alone. */
  variants(nameOrId: string): ImageRecord[];
  /** What the image's first name means, or its manifest. */
  descriptor(id: ImageId): Promise<Descriptor>;
  /** What is in that: manifests of platforms and attestations, here or not. */
  manifests(id: ImageId): Promise<ManifestInfo[]>;
  /** Unpacked sizes of the layers, lowest first. */
  layerSizes(id: ImageId): readonly number[];
  list(): ImageRecord[];
  history(nameOrId: string, platform?: Platform): Promise<ImageHistoryEntry[]>;
  /** What belongs to it in the stores; other images may share parts. */
  contentOf(nameOrId: string): { layers: readonly ChainId[]; blobs: readonly Digest[] };
}

/**
 * How an image is here. `unpacked`: containers can be made of it. `packed`: its blobs only, as of platforms that came along with another; they are
 * unpacked when somebody wants to run them. `artifact`: a chart, a signature or the like, which nothing can run.
 */
export type ImageForm = 'unpacked' | 'packed' | 'artifact';

/** One entry of an index, or the manifest that a name means. */
export interface ManifestInfo {
  descriptor: Descriptor;
  /** The manifest, its configuration and its layers are here. */
  isAvailable: boolean;
  contentBytes: number;
  kind:
    | { is: 'image'; platform: Platform; image?: ImageId; unpackedBytes: number }
    | { is: 'attestation'; of: string }
    | { is: 'unknown' };
}

export interface ImageRecord {
  id: ImageId;
  /** Digest of the image's own manifest. An index above it has another digest, which only `digests` shows. */
  manifestDigest: Digest;
  /** Canonical names with tag, e.g. `docker.io/library/busybox:latest`; empty for a dangling image. */
  tags: string[];
  /** Canonical names with digest, known from pulls and pushes. */
  digests: string[];
  /** Canonical names with tag that mean an index in which this is another platform than the name's own. */
  variantOf: string[];
  form: ImageForm;
  /** Empty for artifacts. */
  config: ImageConfig;
  /** The image that this one was made from here; it may be gone. */
  parent?: ImageId;
  /** Chain ids of the layers, lowest first; all are unpacked. None unless the form is `unpacked`. */
  layers: ChainId[];
  /** Sum of the layers' unpacked sizes; of the blobs unless the form is `unpacked`. */
  sizeBytes: number;
  createdAtMs: number;
  /** When a name last changed (`Metadata.LastTagTime`). */
  taggedAtMs?: number;
}

export interface ImageHistoryEntry {
  id?: ImageId;
  createdAtMs: number;
  createdBy: string;
  comment: string;
  sizeBytes: number;
  tags: string[];
}

export interface ImageNames {
  /** Points a further name at the image. */
  tag(nameOrId: string, target: Reference): Promise<void>;
  /**
   * Docker's `rmi`: removes the name, and the image with its last name. Conflict when containers use it (unless only a name goes, or
   * `force` and no container runs) with Docker's texts.
   */
  remove(
    nameOrId: string,
    options: { force: boolean; prune: boolean; platforms?: readonly Platform[] },
  ): Promise<RemovedImage[]>;
  /** Deletes blobs and layers that nothing reaches. The bytes are those of the files' contents. */
  sweep(): Promise<{ reclaimedBytes: number }>;
}

export interface ImageComposition {
  /**
   * A new layer on a base becomes an image: the bytes are stored and unpacked, then the image appears, and its name last. For commits and builds. The
   * same base, layer, configuration and time give the same ids. Nothing stays behind when it fails.
   */
  compose(request: ComposeRequest): Promise<ImageRecord>;
}

export interface ComposeRequest {
  /** Absent: the layer is all there is. */
  base?: ImageId;
  /** Only so many of its layers, from the bottom. */
  baseLayers?: number;
  /** Uncompressed layer archive; absent when nothing changed but the configuration. It is read to its end before anything else is done. */
  layer?: AsyncIterable<Uint8Array>;
  /** No file of `layer` is younger: its archive is changed so. */
  latestMtimeSec?: number;
  /** Holds just what `layer` does, and is given away: it becomes the layer's folder, unless the layer is there already. */
  layerFolder?: { path: string; sizeBytes: number; highestId: number };
  /** The layers of this image, uncompressed as `compose` makes them, go on top. */
  above?: ImageId;
  /** The whole run configuration; the base's is not joined. */
  run: ImageRunConfig;
  /** Of an image without a base; the host's when absent. */
  platform?: Platform;
  createdAtMs: number;
  author?: string;
  /** What `history` shows. */
  createdBy?: string;
  comment?: string;
  /** Another configuration alone is no step: the history stays the base's. */
  keepsHistory?: boolean;
  /** The whole history, instead. */
  history?: readonly ImageHistory[];
  /** A power cut may take the record, until something is recorded that may not be lost. For steps of builds. */
  mayBeLost?: boolean;
  reference?: Reference;
  signal?: AbortSignal;
}

export type RemovedImage = { untagged: string } | { deleted: string };

export interface ImageChecks {
  /** What records and stores do not agree on. `rehash` reads every blob. */
  check(options: { rehash: boolean; moveAside: MoveAside }): AsyncIterable<Damage>;
}

export interface Bootstrap {
  /** Makes a base image from what the machine has. Reproducible: same inputs, same digest. */
  bootstrap(request: {
    /** `busybox`, `debian:SUITE`, `ubuntu:SUITE`, `distroless:SUITE`; `-slim` leaves manuals out. */
    what: string;
    reference?: Reference;
    /** Debian packages on top. */
    packages?: readonly string[];
    /** Archive to use in place of the machine's. */
    mirror?: string;
    /** Lines of a sources.list in place of all mirrors. */
    sources?: readonly string[];
    /** Every line of the tools, not only those that matter. */
    verbose?: boolean;
    onLine?: (line: string) => void;
    onProgress?: (progress: BootstrapProgress) => void;
    signal?: AbortSignal;
  }): Promise<BootstrappedImage>;
}

/** An image with the canonical name that was asked for; it may have others. */
export interface BootstrappedImage extends ImageRecord {
  name: string;
}

/** Counted in packages. */
export interface BootstrapProgress {
  step: 'download' | 'unpack' | 'configure';
  status: string;
  done: number;
  total: number;
}

/** What the containers and builds tell the image engine about, so that nothing in use is removed. */
export interface ImageUsers {
  /** Containers that were created from the image. */
  usersOf(id: ImageId): { containerId: string; running: boolean }[];
  /** A build that runs uses it. */
  isBuilding?: (id: ImageId) => boolean;
  /** Chain ids under container snapshots. */
  layersInUse(): Iterable<ChainId>;
}
