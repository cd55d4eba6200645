import type { Readable } from 'node:stream';
import type { Damage, MoveAside } from '../../foundation/base/damage.ts';
import type { Descriptor, Platform } from '../../foundation/oci/descriptor.ts';
import type { ChainId, DiffId, Digest, ImageId } from '../../foundation/oci/digest.ts';
import type { ImageConfig, ImageHistory, ImageRunConfig } from '../../foundation/oci/image-config.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import type {
  FetchedManifest,
  FoundRepository,
  RegistryCredentials,
} from '../../resources/distribution/distribution.ts';

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

/** Questions to registries that bring nothing here. */
export interface ImageRegistries {
  /**
   * Resolves when the registry takes the credentials; `unauthorized` otherwise. They are not kept. To the identity token that is to be kept instead of
   * the password, where the registry gives one.
   */
  login(request: {
    host: string;
    credentials: RegistryCredentials;
    signal?: AbortSignal;
  }): Promise<string | undefined>;
  /** Repositories that a registry finds by words; only few have such a search. */
  search(request: SearchRequest): Promise<FoundRepository[]>;
  /** The manifest or index that a name means at its registry. */
  manifest(request: RegistryManifestRequest): Promise<RegistryManifest>;
  /** Puts an index of images that the registry has into one of its repositories. */
  pushIndex(request: IndexPush): Promise<Digest>;
  /** What a name means at its registry now. */
  inspect(request: {
    reference: Reference;
    credentials?: RegistryCredentials;
    signal?: AbortSignal;
  }): Promise<RemoteImage>;
}

export interface RegistryManifestRequest {
  reference: Reference;
  /** This host may be spoken to unverified, as the caller said. */
  insecure?: boolean;
  credentials?: RegistryCredentials;
  signal?: AbortSignal;
}

export interface RegistryManifest {
  /** Of an image with its platform. */
  descriptor: Descriptor;
  bytes: Uint8Array;
}

export interface IndexPush extends Omit<RegistryManifestRequest, 'reference'> {
  target: Reference;
  /** The index as it is to be stored. */
  bytes: Uint8Array;
  /** Where each of its manifests is; the same registry. */
  sources: readonly { reference: Reference; digest: Digest }[];
}

export interface SearchRequest {
  /** Words, or `host/words` for the registry of that host. */
  term: string;
  limit: number;
  credentials?: RegistryCredentials;
  signal?: AbortSignal;
}

export interface RemoteImage {
  /** Of the index, or of the manifest where there is none. */
  descriptor: Descriptor;
  platforms: Platform[];
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
  reference?: Reference;
  signal?: AbortSignal;
}

export interface ImageAssembly {
  /**
   * Manifests of images that are here, made anew where that is asked for, and an index above them when there are several, or something is attached. No name
   * points at it until `publish`; the images and what was made stay until it is disposed.
   */
  assemble(request: AssembleRequest): Promise<ImageSet>;
  /**
   * An image without a name, made of layers by their diff ids; those that are not here are brought, and compared with both digests. Not-found when one is
   * nowhere.
   */
  restore(request: RestoreRequest): Promise<ImageRecord>;
  /** Layers of images under one manifest that is no image, with a document about them. Held until it is disposed. */
  bundle(request: BundleRequest): Promise<LayerBundle>;
  /** Documents that lie at an origin, compared with their digests. */
  documents(origin: ContentOrigin): OriginDocuments;
  /** The image's files as a tar. */
  tree(id: ImageId, signal?: AbortSignal): AsyncGenerator<Uint8Array>;
}

export interface AssembleRequest {
  /** In the order of the index; the first is what a name means here. */
  images: readonly [AssembledImage, ...AssembledImage[]];
  layers: LayerForm;
  /** Of media types; an index with attestations is OCI's in any case. Absent: as they are. */
  family?: 'oci' | 'docker';
  /** Of the index, which is then made for a single image, too. */
  indexAnnotations?: Readonly<Record<string, string>>;
  /** Of the entry in an archive that means the index, or the one manifest. */
  rootAnnotations?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** Layers that are not compressed are compressed so; others, too, when it is forced. */
export interface LayerForm {
  compression?: 'none' | 'gzip' | 'zstd';
  level?: number;
  isForced: boolean;
}

export interface AssembledImage {
  image: ImageId;
  platform: Platform;
  /** Of the manifest. */
  annotations?: Readonly<Record<string, string>>;
  /** Of its entry in the index. */
  descriptorAnnotations?: Readonly<Record<string, string>>;
  /** Statements (in-toto) about the image, once its manifest is known. They stand in the index as BuildKit's do. */
  attest?: (manifest: Descriptor) => Promise<readonly Statement[]>;
}

/** Where content comes from that was no image's here: a repository, or the files of an OCI image layout. */
export type ContentOrigin =
  | { kind: 'registry'; reference: Reference; isInsecure: boolean; credentials?: RegistryCredentials }
  | { kind: 'folder'; open: (path: string) => Promise<Readable | undefined> };

export interface OriginDocuments {
  root(signal: AbortSignal): Promise<FetchedManifest>;
  manifest(descriptor: Descriptor, signal: AbortSignal): Promise<FetchedManifest>;
  small(descriptor: Descriptor, limitBytes: number, signal: AbortSignal): Promise<Uint8Array>;
}

export interface RestoreRequest {
  /** Lowest first. Without a descriptor it has to be here. */
  layers: readonly { diffId: DiffId; descriptor?: Descriptor }[];
  config: Omit<ImageConfig, 'rootfs'>;
  from: ContentOrigin;
  signal?: AbortSignal;
}

export interface BundleRequest {
  images: readonly ImageId[];
  /** Layers, by chain id, that are left out. */
  without: ReadonlySet<ChainId>;
  layers: LayerForm;
  configType: string;
  /** The document, once it is known which layer stands at which place of the manifest. */
  config: (placeOf: (chainId: ChainId) => number | undefined) => Uint8Array;
  signal?: AbortSignal;
}

export interface LayerBundle extends AsyncDisposable {
  readonly root: Descriptor;
  push(request: Omit<PushRequest, 'platform'> & { isInsecure?: boolean }): Promise<void>;
  /** An OCI image layout: blobs first, `index.json` behind them. */
  archive(signal?: AbortSignal): AsyncGenerator<Uint8Array>;
}

export interface Statement {
  predicateType: string;
  bytes: Uint8Array;
}

/** Disposing it lets go of what nothing else keeps. */
export interface ImageSet extends AsyncDisposable {
  /** What names of it mean. */
  readonly root: Descriptor;
  /** In the order of the request. */
  readonly manifests: readonly { image: ImageId; manifest: Descriptor; config: Descriptor }[];
  /** Points names at it here; without a name its images stay. */
  publish(names: readonly Reference[]): Promise<void>;
  /** Under the tag, or by digest alone when the reference has none. */
  push(request: Omit<PushRequest, 'platform'> & { isInsecure?: boolean }): Promise<PushedTag>;
  /** `oci`: an image layout; `docker`: what `docker load` reads as well. */
  archive(
    kind: 'oci' | 'docker',
    names: readonly Reference[],
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array>;
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
