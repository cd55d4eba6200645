import type { Duplex, Readable, Writable } from 'node:stream';
import type { SiloError } from '../../../foundation/base/errors.ts';
import type { Log } from '../../../foundation/base/log.ts';
import type { Database } from '../../../foundation/db/database.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';
import type { RegistryCredentials } from '../../../resources/distribution/distribution.ts';
import type { LayerStore } from '../../../resources/snapshot/snapshot.ts';
import type { ContainerLifecycle, ContainerQueries, ContainerStreams } from '../../container/container.ts';
import type { Resources } from '../../container/config.ts';
import type { ContainerCommit, ContainerFiles } from '../../container/files/files.ts';
import type { ImageComposition, ImageNames, ImageQueries } from '../../image/image.ts';
import type { ImageTransfers, Progress, PushProgress } from '../../image/transfers.ts';
import type { ImageAssembly } from '../../image/assemble/assembly.ts';
import type { ImageHolds } from '../../image/image-holds.ts';
import type { CacheExport, CacheImport } from '../cache-transfer/cache-transfer.ts';
import type { Attestation, BuildOutput, BuildResult, OutputAnnotation } from '../output/output.ts';
import type { ContextStore } from '../contexts/context-store.ts';
import type { CacheMount, CacheMounts } from '../mounts/cache-mounts.ts';
import type { Span } from '../language/text/span.ts';
import type { HttpSource } from '../sources/http-source.ts';
import type { Tree } from './files/tree.ts';
import { readTree, type TreeOptions } from './files/read-tree.ts';

/** Builds images from Dockerfiles. */
export interface Builds {
  /** Kind `invalid` for a context or Dockerfile that cannot be built; a RUN that failed carries its exit code (`exitCodeOf`). Nothing but the cache stays behind. */
  build(request: BuildRequest): Promise<BuildResult>;
  /** The image is the result of a step, not of a build: lists leave it out while it has no name. */
  isStep(id: ImageId): boolean;
  /** Contents of clients' folders that are kept for the next build. */
  readonly contexts: ContextStore;
  /** Removes the images of steps that nothing uses, or those of them that are wanted. What was built stays. */
  prune(isWanted?: (id: ImageId) => boolean): Promise<ImageId[]>;
  /** Folders that builds keep for `RUN --mount=type=cache`, the one that was used last first. */
  caches(): CacheMount[];
  /** Removes those of them that are wanted and not in use. */
  pruneCaches(isWanted: (cache: CacheMount) => boolean): Promise<CacheMount[]>;
}

export interface BuildRequest {
  /** Of the record in the history; one is made up without it. */
  recordId?: string;
  /** What COPY and ADD take their files from, and where the Dockerfile is. */
  context: MainContext;
  /** Named contexts, which stand for the stages and images of their names. */
  contexts?: ReadonlyMap<string, ContextSource>;
  /** Path of the Dockerfile in the context. */
  dockerfile: string;
  tags: readonly Reference[];
  arguments: ReadonlyMap<string, string>;
  labels: Readonly<Record<string, string>>;
  target?: string;
  noCache: boolean;
  /** Names or numbers of stages whose steps are done anew. */
  noCacheFilter?: readonly string[];
  /** Ask registries for bases that are here. */
  pull: boolean;
  /** One layer for all that the target's stage makes. */
  isSquashed?: boolean;
  /** For RUN: `default`, `none`, `host`, `container:X` or a network's name. */
  network: string;
  platform?: string;
  /** What the Dockerfile may ask for beyond a sandbox: `network.host`, `security.insecure`, `device` or `device=NAME`. */
  allow?: readonly string[];
  /** Of each RUN; they are no part of a cache key. */
  limits?: StepLimits;
  /** A RUN that takes longer fails. */
  stepTimeoutMs?: number;
  credentialsOf?: (host: string) => RegistryCredentials | undefined;
  /** What only the client has: its secrets, its SSH agents, its disk. */
  client?: BuildClient;
  /** What the build gives; nothing said means an image in the store. */
  outputs?: readonly BuildOutput[];
  /** For all images. Nothing said means provenance for those that are pushed. */
  attestations?: readonly Attestation[];
  /** For all images. */
  annotations?: readonly OutputAnnotation[];
  cacheFrom?: readonly CacheImport[];
  cacheTo?: readonly CacheExport[];
  /** False asks whoever tells it to wait for `drained`. */
  onProgress: (progress: BuildProgress) => boolean;
  /** Resolves when more of that step (of the whole build without one) may be told. */
  drained: (step?: number) => Promise<void>;
  /** Of a RUN whose command failed: somebody looks into a container as it was before, and the build fails when they are done. */
  debug?: StepDebug;
  signal?: AbortSignal;
}

export interface StepDebug {
  /** In place of the command. */
  shell: readonly string[];
  /** The container is made, and has a terminal. It is started when this resolves, and removed when its program has ended. */
  ready: (containerId: string) => Promise<void>;
}

/** For the containers of RUN. */
export interface StepLimits {
  resources?: Resources;
  shmSizeBytes?: number;
  cgroupParent?: string;
  /** `name:address` */
  extraHosts?: readonly string[];
}

/** Where the files of a context come from. */
export type ContextSource =
  /**
   * Files that the client has. Opened once, when something wants them (the main context at once), and disposed with the build. `spool` is a path
   * at which nothing is yet: for contents that have to lie somewhere.
   */
  | { kind: 'files'; open: (spool: TreeOptions) => Promise<Tree> }
  /** The address of a Git repository (`https://host/x.git#ref:folder`), of an archive, or of a lone Dockerfile. */
  | { kind: 'remote'; address: string }
  | { kind: 'image'; reference: string }
  /** An OCI image layout among the client's files; the tag or digest in it, unless it holds one image. */
  | { kind: 'layout'; open: (spool: TreeOptions) => Promise<Tree>; name?: string }
  /** A stage of the same file. */
  | { kind: 'target'; stage: string };

export type MainContext = Extract<ContextSource, { kind: 'files' | 'remote' }>;

/** A context that comes as one tar, plain or compressed. */
export const archiveContext = (archive: AsyncIterable<Uint8Array>): MainContext => ({
  kind: 'files',
  open: (spool) => readTree(archive, spool),
});

/** What a build asks of the client while it runs. */
export interface BuildClient {
  /** The value of a secret, undefined when the client has none of that id. Neither kept nor part of a key. */
  secret?: (id: string) => Promise<Uint8Array | undefined>;
  /** A connection to the SSH agent of that id, undefined when the client has none. */
  agent?: (id: string) => Promise<Duplex | undefined>;
  /** Where the bytes of an output go that the client wants on its own disk. Places behind those of `outputs` are those of `cacheTo`. */
  receive?: (output: number) => Writable;
  /** A file of the folder that is this place of `cacheFrom`: `index.json`, `blobs/sha256/…`. Undefined when it has none of that name. */
  cached?: (source: number, path: string) => Promise<Readable | undefined>;
}

/** One instruction of a stage that is built, FROM included; in the order of the file's stages as they are needed. */
export interface BuildStep {
  /** From 1; every event names its step by it. */
  number: number;
  of: number;
  /** The stage's name, or its place in the file from 0. */
  stage: string;
  /** The instruction in one line. */
  text: string;
  place: Span;
}

/**
 * What happens during a build. The plan comes first, and is known before anything is done. Steps begin in any order and side by side; each ends with one
 * of `cached`, `done`, `failed` and `cancelled`. One that only sets the configuration is started and done at once.
 */
export type BuildProgress =
  | { kind: 'plan'; steps: readonly BuildStep[] }
  | { kind: 'started' | 'cached' | 'done' | 'cancelled'; step: number; atMs: number }
  | { kind: 'failed'; step: number; atMs: number; message: string }
  | { kind: 'running'; step: number; containerId: string }
  | { kind: 'output'; step: number; stream: 'stdout' | 'stderr'; bytes: Uint8Array }
  /** The step's result, before it ends. */
  | { kind: 'image'; step: number; id: ImageId }
  /** Comes once with the reference alone, then with what its layers do. */
  | { kind: 'pulling'; step?: number; reference: string; progress?: Progress }
  /** An output or a cache, once the steps are done; it ends when the next begins, or with the build. */
  | { kind: 'exporting'; text: string }
  | { kind: 'pushing'; reference: string; progress: PushProgress }
  | { kind: 'warning'; step?: number; rule: string; message: string; place?: Span };

/** What a step tells while it is done. */
export interface StepReport {
  running: (containerId: string) => void;
  /** False asks to wait for `drained`. */
  output: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => boolean;
  drained: () => Promise<void>;
}

export interface BuildDeps {
  images: ImageQueries &
    Pick<ImageTransfers, 'pull' | 'unpack' | 'load'> &
    ImageComposition &
    ImageAssembly &
    Pick<ImageNames, 'tag' | 'remove'>;
  containers: ContainerLifecycle & ContainerQueries;
  streams: Pick<ContainerStreams, 'attach'>;
  changes: ContainerCommit;
  files: ContainerFiles;
  caches: CacheMounts;
  /** Over all builds. */
  holds: ImageHolds;
  /** Where the layers of images are, for reading. */
  layers: Pick<LayerStore, 'find'>;
  http: HttpSource;
  database: Database;
  /** For spooled files; emptied when the engine starts. */
  directory: string;
  /** For what must not reach a disk: secrets, sockets. */
  runDirectory: string;
  /** How many steps run at a time, of all builds. */
  parallelism: number;
  log: Log;
  now: () => number;
}

/** What steps of one build are made with. */
export interface StepDeps extends BuildDeps {
  later: Later;
}

/** Work that nothing of a build needs: the build ends when it is done. */
export interface Later {
  /** Begins it. Resolves at once while the build goes on, and when it is done for whoever outlives the build. */
  add(work: () => Promise<void>): Promise<void>;
}

/** What a RUN that failed ended with. */
export function exitCodeOf(error: SiloError): number | undefined {
  const { cause } = error;
  return typeof cause === 'object' &&
    cause !== null &&
    'exitCode' in cause &&
    typeof cause.exitCode === 'number'
    ? cause.exitCode
    : undefined;
}
