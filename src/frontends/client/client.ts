import type { ReachJson, SecurityReportJson } from '../../foundation/wire/silo/security.ts';
import type { PinnedRuntimeJson } from '../../foundation/wire/silo/runtimes.ts';
import type { FsckJson } from '../../foundation/wire/silo/fsck.ts';
import type { AuthAnswerJson, AuthConfigJson } from '../../foundation/wire/docker/image.ts';
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
import type { BuildCalls } from './build-calls.ts';
import type { TlsOptions } from './connection.ts';
import type { CallOptions, Filters } from './calls.ts';
import type { ContainerCalls, ExecCalls } from './container-calls.ts';
import type { ImageCalls } from './image-calls.ts';

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
