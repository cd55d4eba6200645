import type {
  ImageLayersJson,
  IndexPushBody,
  RegistryManifestJson,
} from '../../foundation/wire/silo/manifests.ts';
import type { ReachJson, SecurityReportJson } from '../../foundation/wire/silo/security.ts';
import type { PinnedRuntimeJson } from '../../foundation/wire/silo/runtimes.ts';
import type { FsckJson } from '../../foundation/wire/silo/fsck.ts';
import type {
  ContainerConfigJson,
  ContainerCreateBody,
} from '../../foundation/wire/docker/container-config.ts';
import type {
  ContainerCreateResponse,
  ContainerInspectJson,
  ContainerPathStat,
  ContainersPruneResponse,
  ContainerSummaryJson,
  ContainerUpdateBody,
  ContainerUpdateResponse,
  FilesystemChangeJson,
  TopResponse,
  WaitResponse,
} from '../../foundation/wire/docker/container.ts';
import type {
  ExecCreateBody,
  ExecInspectJson,
  ExecStartBody,
  IdResponse,
} from '../../foundation/wire/docker/exec.ts';
import type {
  AuthAnswerJson,
  AuthConfigJson,
  ImageDeleteJson,
  ImageHistoryJson,
  ImageInspectJson,
  ImagesPruneResponse,
  ImageSummaryJson,
  SearchResultJson,
} from '../../foundation/wire/docker/image.ts';
import type { JsonMessage } from '../../foundation/wire/docker/json-message.ts';
import type { StatsJson } from '../../foundation/wire/docker/stats.ts';
import type {
  NetworkConnectBody,
  NetworkCreateBody,
  NetworkCreateResponse,
  NetworkDisconnectBody,
  NetworkJson,
  NetworksPruneResponse,
} from '../../foundation/wire/docker/network.ts';
import type {
  EventMessageJson,
  InfoJson,
  SystemDfJson,
  VersionJson,
} from '../../foundation/wire/docker/system.ts';
import type {
  VolumeCreateBody,
  VolumeJson,
  VolumeListResponse,
  VolumesPruneResponse,
} from '../../foundation/wire/docker/volume.ts';
import type { BootstrapBody, BootstrapMessage } from '../../foundation/wire/silo/bootstrap.ts';
import type { BuildCalls } from './build-calls.ts';
import type { TlsOptions } from './connection.ts';
import type { StreamConnection } from './stream-connection.ts';

/**
 * A typed client of the Docker API, for Bun and Node. Failures are `SiloError`s: a status of the daemon gives the kind, its message is kept
 * as it came. Every call takes a signal. Connections are kept between calls and do not keep the process alive.
 */
export interface Client extends Disposable {
  readonly containers: ContainerCalls;
  readonly images: ImageCalls;
  readonly builds: BuildCalls;
  readonly execs: ExecCalls;
  readonly networks: NetworkCalls;
  readonly volumes: VolumeCalls;
  readonly system: SystemCalls;
}

export interface ClientOptions {
  /** `unix:///path`, `tcp://host:port` or `ssh://[user@]host`. */
  host?: string;
  /** The variable or context that named the host, for messages. */
  namedBy?: string;
  tls?: TlsOptions;
  /** Pins the API's version, as `DOCKER_API_VERSION` does; otherwise the daemon is asked once, before the first call. */
  apiVersion?: string;
  userAgent?: string;
  /** Called once when nobody listens at `host`; true = try again. */
  onUnreachable?: () => Promise<boolean>;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
}

/** Docker's filters: `{ status: ['exited'] }`. */
export type Filters = Record<string, readonly string[]>;

export interface ContainerCalls {
  create(
    body: ContainerCreateBody,
    options?: CallOptions & { name?: string; platform?: string },
  ): Promise<ContainerCreateResponse>;
  list(
    options?: CallOptions & { all?: boolean; limit?: number; size?: boolean; filters?: Filters },
  ): Promise<ContainerSummaryJson[]>;
  inspect(id: string, options?: CallOptions & { size?: boolean }): Promise<ContainerInspectJson>;
  start(id: string, options?: CallOptions & { detachKeys?: string }): Promise<void>;
  stop(id: string, options?: CallOptions & { timeoutSeconds?: number; stopSignal?: string }): Promise<void>;
  restart(
    id: string,
    options?: CallOptions & { timeoutSeconds?: number; stopSignal?: string },
  ): Promise<void>;
  kill(id: string, options?: CallOptions & { killSignal?: string }): Promise<void>;
  pause(id: string, options?: CallOptions): Promise<void>;
  unpause(id: string, options?: CallOptions): Promise<void>;
  rename(id: string, name: string, options?: CallOptions): Promise<void>;
  remove(
    id: string,
    options?: CallOptions & { force?: boolean; volumes?: boolean; link?: boolean },
  ): Promise<void>;
  update(id: string, body: ContainerUpdateBody, options?: CallOptions): Promise<ContainerUpdateResponse>;
  top(id: string, options?: CallOptions & { psArgs?: string }): Promise<TopResponse>;
  /** Resolves when the daemon watches: no end after that moment is missed. `exit` resolves when the condition holds. */
  wait(
    id: string,
    options?: CallOptions & { condition?: 'not-running' | 'next-exit' | 'removed' },
  ): Promise<{ exit: Promise<WaitResponse> }>;
  /** Resolves when the daemon has connected the streams; call it before `start` to get everything. */
  attach(id: string, options?: CallOptions & AttachOptions): Promise<StreamConnection>;
  resize(id: string, size: TerminalSize, options?: CallOptions): Promise<void>;
  /** What it changed in its files; empty for nothing. */
  changes(id: string, options?: CallOptions): Promise<FilesystemChangeJson[]>;
  /** Its whole root file system as a tar; read it to the end or leave it. */
  export(id: string, options?: CallOptions): Promise<AsyncIterable<Buffer>>;
  /** Makes an image of it. `config` goes over the container's. */
  commit(id: string, request?: CommitOptions, options?: CallOptions): Promise<IdResponse>;
  logs(id: string, options?: CallOptions & LogOptions): Promise<OutputStream>;
  /** One message each second until the container is removed; without `stream` one, measured over a second. */
  stats(id: string, options?: CallOptions & { stream?: boolean }): Promise<AsyncIterable<StatsJson>>;
  prune(options?: CallOptions & { filters?: Filters }): Promise<ContainersPruneResponse>;
  /** A link at the end of the path is not followed. */
  statPath(id: string, path: string, options?: CallOptions): Promise<ContainerPathStat>;
  /** A tar of the path; it is whole only when reading ends without an error. */
  readArchive(
    id: string,
    path: string,
    options?: CallOptions,
  ): Promise<{ stat: ContainerPathStat; archive: AsyncIterable<Buffer> }>;
  /** Extracts a tar into the directory. */
  writeArchive(
    id: string,
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options?: CallOptions & { noOverwriteDirNonDir?: boolean; copyUIDGID?: boolean },
  ): Promise<void>;
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

export interface AttachOptions {
  stdin?: boolean;
  stdout?: boolean;
  stderr?: boolean;
  logs?: boolean;
  detachKeys?: string;
}

export interface CommitOptions {
  repo?: string;
  tag?: string;
  comment?: string;
  author?: string;
  /** Freeze it meanwhile; true when absent. */
  pause?: boolean;
  /** Dockerfile instructions. */
  changes?: readonly string[];
  config?: ContainerConfigJson;
}

export interface LogOptions {
  stdout?: boolean;
  stderr?: boolean;
  follow?: boolean;
  timestamps?: boolean;
  details?: boolean;
  /** RFC 3339 or seconds since the epoch. */
  since?: string;
  until?: string;
  /** A number or `all`. */
  tail?: string;
  /** False: a daemon that does not listen is not started for it. */
  startDaemon?: boolean;
}

/** Output in one direction; `multiplexed` as in `StreamConnection`. */
export interface OutputStream {
  multiplexed: boolean | undefined;
  body: AsyncIterable<Buffer>;
}

/** The parameters of `POST /build`. */
export interface BuildCall {
  dockerfile: string;
  tags: readonly string[];
  buildArguments: Readonly<Record<string, string>>;
  labels: Readonly<Record<string, string>>;
  target?: string;
  platform?: string;
  network?: string;
  noCache: boolean;
  pull: boolean;
  quiet: boolean;
}

export interface ImageCalls {
  /** Ours: keeps the image from background cleaning. */
  pin(name: string, options?: CallOptions): Promise<void>;
  unpin(name: string, options?: CallOptions): Promise<void>;
  list(
    options?: CallOptions & { all?: boolean; digests?: boolean; manifests?: boolean; filters?: Filters },
  ): Promise<ImageSummaryJson[]>;
  inspect(name: string, options?: CallOptions & { platform?: string }): Promise<ImageInspectJson>;
  history(name: string, options?: CallOptions & { platform?: string }): Promise<ImageHistoryJson[]>;
  /** Without `tag` all tags of the repository; the platform `all` is every platform. A message that reports an error is thrown. */
  pull(
    request: { name: string; tag?: string; platform?: string; auth?: AuthConfigJson },
    options?: CallOptions,
  ): AsyncIterable<JsonMessage>;
  search(
    term: string,
    options?: CallOptions & { limit?: number; filters?: Filters; auth?: AuthConfigJson },
  ): Promise<SearchResultJson[]>;
  /** Without `tag` all tags of the repository. `platform` as words, `linux/arm64`. */
  push(
    request: { name: string; tag?: string; platform?: string; auth?: AuthConfigJson },
    options?: CallOptions,
  ): AsyncIterable<JsonMessage>;
  /** An archive of the images; read it to the end or leave it. */
  save(
    names: readonly string[],
    options?: CallOptions & { platform?: string },
  ): Promise<AsyncIterable<Buffer>>;
  load(
    archive: AsyncIterable<Uint8Array>,
    options?: CallOptions & { quiet?: boolean; platform?: string },
  ): AsyncIterable<JsonMessage>;
  /** Builds an image from a tar of its context. */
  build(
    context: AsyncIterable<Uint8Array>,
    request: BuildCall,
    options?: CallOptions,
  ): AsyncIterable<JsonMessage>;
  /** `source` is `-` with an archive, or a URL that the daemon fetches. */
  import(
    request: {
      source: string;
      archive?: AsyncIterable<Uint8Array>;
      repo?: string;
      tag?: string;
      message?: string;
      changes?: readonly string[];
      platform?: string;
    },
    options?: CallOptions,
  ): AsyncIterable<JsonMessage>;
  tag(name: string, target: { repo: string; tag: string }, options?: CallOptions): Promise<void>;
  remove(
    name: string,
    options?: CallOptions & { force?: boolean; noPrune?: boolean; platforms?: readonly string[] },
  ): Promise<ImageDeleteJson[]>;
  prune(options?: CallOptions & { filters?: Filters }): Promise<ImagesPruneResponse>;
  /** Silo's own: what unpacked images consist of. */
  layers(options?: CallOptions): Promise<ImageLayersJson[]>;
  /** Silo's own: what a registry has under a name. */
  manifest(
    name: string,
    options?: CallOptions & { insecure?: boolean; auth?: AuthConfigJson | undefined },
  ): Promise<RegistryManifestJson>;
  /** Silo's own: gives an index of images to the registry that has them. */
  pushIndex(
    body: IndexPushBody,
    options?: CallOptions & { auth?: AuthConfigJson | undefined },
  ): Promise<{ Digest: string }>;
  /** Silo's own: makes a base image from what the machine has. */
  bootstrap(body: BootstrapBody, options?: CallOptions): AsyncIterable<BootstrapMessage>;
}

export interface ExecCalls {
  create(containerId: string, body: ExecCreateBody, options?: CallOptions): Promise<IdResponse>;
  /** Starts the process with its streams connected. */
  attach(id: string, body: ExecStartBody, options?: CallOptions): Promise<StreamConnection>;
  /** Starts the process on its own. */
  startDetached(id: string, body: ExecStartBody, options?: CallOptions): Promise<void>;
  resize(id: string, size: TerminalSize, options?: CallOptions): Promise<void>;
  inspect(id: string, options?: CallOptions): Promise<ExecInspectJson>;
}

export interface NetworkCalls {
  list(options?: CallOptions & { filters?: Filters }): Promise<NetworkJson[]>;
  inspect(id: string, options?: CallOptions & { verbose?: boolean }): Promise<NetworkJson>;
  create(body: NetworkCreateBody, options?: CallOptions): Promise<NetworkCreateResponse>;
  remove(id: string, options?: CallOptions): Promise<void>;
  connect(id: string, body: NetworkConnectBody, options?: CallOptions): Promise<void>;
  disconnect(id: string, body: NetworkDisconnectBody, options?: CallOptions): Promise<void>;
  prune(options?: CallOptions & { filters?: Filters }): Promise<NetworksPruneResponse>;
  repair(options?: CallOptions): Promise<void>;
}

export interface VolumeCalls {
  list(options?: CallOptions & { filters?: Filters }): Promise<VolumeListResponse>;
  inspect(name: string, options?: CallOptions): Promise<VolumeJson>;
  create(body: VolumeCreateBody, options?: CallOptions): Promise<VolumeJson>;
  remove(name: string, options?: CallOptions & { force?: boolean }): Promise<void>;
  prune(options?: CallOptions & { filters?: Filters }): Promise<VolumesPruneResponse>;
  /** Ends without an error when it is whole. */
  export(name: string, options?: CallOptions & { compress?: string }): Promise<AsyncIterable<Buffer>>;
  import(name: string, archive: AsyncIterable<Uint8Array>, options?: CallOptions): Promise<VolumeJson>;
  clone(source: string, target: string, options?: CallOptions): Promise<VolumeJson>;
}

/** An event with its exact time, which JSON numbers cannot carry. */
export interface EventMessage extends EventMessageJson {
  timeNs: bigint;
}

export interface SystemCalls {
  ping(options?: CallOptions): Promise<{ apiVersion: string; osType: string }>;
  version(options?: CallOptions): Promise<VersionJson>;
  info(options?: CallOptions): Promise<InfoJson>;
  /** Asks the registry whether the credentials are good; nothing is kept. */
  login(auth: AuthConfigJson, options?: CallOptions): Promise<AuthAnswerJson>;
  df(options?: CallOptions & { types?: readonly string[] }): Promise<SystemDfJson>;
  /** Ours: what records and disk do not agree on. */
  fsck(options?: CallOptions & { repair?: boolean; images?: boolean }): Promise<FsckJson>;
  /** Ours: the engine, its host and its containers, judged. */
  security(options?: CallOptions): Promise<SecurityReportJson>;
  /** Ours: OCI runtimes that are kept below the data root. */
  runtimes(options?: CallOptions): Promise<PinnedRuntimeJson[]>;
  installRuntime(
    name: string,
    program: AsyncIterable<Uint8Array>,
    options?: CallOptions & { digest?: string; force?: boolean },
  ): Promise<PinnedRuntimeJson>;
  removeRuntime(name: string, options?: CallOptions): Promise<void>;
  /** Ours: what a container can reach. */
  reachOf(container: string, options?: CallOptions): Promise<ReachJson>;
  /** Resolves when the daemon has subscribed. */
  events(
    options?: CallOptions & { since?: string; until?: string; filters?: Filters },
  ): Promise<AsyncIterable<EventMessage>>;
  /** The version that calls use: the highest that both sides speak. */
  apiVersion(): Promise<string>;
}
