import type { Readable } from 'node:stream';
import type { ContainerId, ExecId } from '../../foundation/base/ids.ts';
import type { ChainId, ImageId } from '../../foundation/oci/digest.ts';
import type { ContainerConfig, EndpointRequest, Resources } from './config.ts';
import type { HealthState } from './health/health.ts';
import type { ContainerState } from './state.ts';

/** A container as it is kept; the file of truth is its row in the database. */
export interface ContainerRecord {
  id: ContainerId;
  /** Without a leading slash. */
  name: string;
  createdAtMs: number;
  config: ContainerConfig;
  /** The image's id, and the name by which it was asked for. */
  imageId: ImageId;
  imageName: string;
  /** Chain ids below its writable layer, lowest first. */
  layers: ChainId[];
  /** First word and the rest of what runs, resolved from image and request. */
  path: string;
  args: string[];
  state: ContainerState;
  /** By its policy, since its user started it. */
  restartCount: number;
  /** Its user told the present run to end (`stop`, `kill`): restart policies leave it alone, whoever finds its end. */
  stopRequested?: boolean;
  /** An update that is being applied to the present run: the next start of the engine finishes it. */
  pendingLimits?: Resources | undefined;
  /** The same for ports. */
  pendingPorts?: PublishChange | undefined;
  /** Of the present run; absent without a health check. */
  health?: HealthState;
  /** Why the last start failed; Docker's `State.Error`. */
  error: string;
  logPath: string;
  runtimeName: string;
  /** Resolved mounts, as reserved at create. */
  mounts: ResolvedMount[];
  /** Which ids the present or last run has, when it is known; those of the host for the reason, which ends the sentence "because …". */
  userNamespace?: { kind: 'own' } | { kind: 'host'; reason: string } | undefined;
  /** A commit froze it and will thaw it; a commit that died left that to the next start of the engine. */
  frozenForCommit?: boolean;
}

/** In the form of the configuration, by container port. */
export interface PublishChange {
  add: ContainerConfig['network']['ports'];
  remove: ContainerConfig['network']['ports'];
}

export type ResolvedMount = {
  kind: 'bind' | 'volume' | 'image';
  /** A path of the host; of an image what it was called. */
  source: string;
  destination: string;
  readOnly: boolean;
  /** Volume's name. */
  name?: string;
  /** `rprivate`, `rslave`… */
  propagation: string;
  /** Words after the second colon as given, for inspect. */
  mode: string;
  /** An empty volume stays empty. */
  noCopy?: boolean;
  /** What is shown of the volume or image; resolved inside it at each start. */
  subpath?: string;
  nonRecursive?: boolean;
  readOnlyNonRecursive?: boolean;
  readOnlyForceRecursive?: boolean;
  /** A missing source is made, at each start. */
  createSource?: boolean;
  /** Chain ids lowest first. */
  image?: { id: ImageId; layers: ChainId[] };
  /** Takes what is written into an image. */
  scratch?: string;
};

/** Reads; none takes a lock, all answer from memory. */
export interface ContainerQueries {
  /** By id, name (with or without `/`), or unambiguous id prefix. Not-found with Docker's text `No such container: X`. */
  get(nameOrId: string): ContainerRecord;
  list(): ContainerRecord[];
  /** Addresses and ports while it runs. */
  networkOf(id: ContainerId): ContainerNetwork;
  /** Size of what it wrote, and with its image; walks its files. */
  sizeOf(nameOrId: string): Promise<{ writableBytes: number; totalBytes: number }>;
  /** Ids of containers that have the volume, those being created too. */
  usersOfVolume(name: string): ContainerId[];
  /** Processes inside, as the host's `/proc` shows them. `conflict` when not running. */
  top(nameOrId: string, psArgs: string): Promise<{ titles: string[]; processes: string[][] }>;
}

/** Places on networks, and going on and off them; also while the container runs. */
export interface ContainerNetworks {
  /** `forbidden` when it is connected, or shares somebody else's namespace. */
  connect(network: string, nameOrId: string, request: EndpointRequest): Promise<void>;
  /** With `force` a container that is not there is fine. */
  disconnect(network: string, nameOrId: string, options: { force: boolean }): Promise<void>;
}

export interface ContainerNetwork {
  networks: {
    name: string;
    request: EndpointRequest;
    /** Under which the others on the network find it. */
    names: string[];
    /** Empty, like all that follows, while the container does not run. */
    networkId: string;
    endpointId: string;
    macAddress: string;
    gateway: string;
    address: string;
    prefixLength: number;
    ipv6Gateway: string;
    ipv6Address: string;
    ipv6PrefixLength: number;
  }[];
  ports: { containerPort: number; protocol: string; hostAddress: string; hostPort: number }[];
}

/** Changes; each holds the container's lock for its transition and is durable when it resolves. */
export interface ContainerLifecycle {
  create(request: CreateRequest): Promise<{ id: ContainerId; warnings: string[] }>;
  /** `not-modified` when it runs already. */
  start(nameOrId: string, options?: StartOptions): Promise<void>;
  /** Stop signal, then SIGKILL after the time. `not-modified` when it does not run. A negative time waits for ever. */
  stop(nameOrId: string, options: { timeoutSeconds?: number; signal?: string }): Promise<void>;
  restart(nameOrId: string, options: { timeoutSeconds?: number; signal?: string }): Promise<void>;
  kill(nameOrId: string, signal: string): Promise<void>;
  pause(nameOrId: string): Promise<void>;
  resume(nameOrId: string): Promise<void>;
  rename(nameOrId: string, name: string): Promise<void>;
  /** `conflict` when it runs and not `force`. `volumes` removes its anonymous volumes. */
  remove(nameOrId: string, options: { force: boolean; volumes: boolean }): Promise<void>;
  /** Takes a link (`CONTAINER/ALIAS`) away. */
  unlink(name: string): Promise<void>;
  /** Resolves when the condition holds. `registered` is called once it is being watched: from then on no end is missed. */
  wait(
    nameOrId: string,
    condition: WaitCondition,
    options?: { registered?: () => void; signal?: AbortSignal },
  ): Promise<{ exitCode: number; error?: string }>;
  update(
    nameOrId: string,
    changes: {
      resources?: Resources;
      restart?: ContainerConfig['restart'];
      /** Ports to open and to close, of a running container at once. */
      publish?: PublishChange;
    },
  ): Promise<{ warnings: string[] }>;
}

/** For this run alone; nothing of it is kept. */
export interface StartOptions {
  /** Further variables, which no record and no inspect shows; a name of the configuration is overruled. */
  env?: readonly string[];
  /** Told before anything runs: what is not in the root and will be made to mount upon, links resolved. */
  onMountPoints?: (missing: readonly string[]) => void;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface CreateRequest {
  name?: string;
  config: ContainerConfig;
  platform?: string;
  /** Of no use after the death of the machine: nobody waits until it is on the disk that it is there, or that it has ended. */
  isPassing?: boolean;
}

/** Byte streams of containers and exec processes. */
export interface ContainerStreams {
  /**
   * Connects the client's duplex to the container. Called before `start` it parks: output begins with the first byte. Resolves when the client
   * left (detach keys, hang-up) or the process ended and everything was delivered.
   */
  attach(nameOrId: string, request: AttachRequest): Promise<AttachOutcome>;
  resize(nameOrId: string, size: { columns: number; rows: number }): Promise<void>;
  logs(nameOrId: string, request: LogsRequest): AsyncIterable<OutputBatch>;
}

export interface AttachRequest {
  stdin?: Readable;
  /** Where output goes; `stream` tells the frontend how to frame. Return false from `write` for back-pressure, `drain` resolves. */
  output?: OutputSink;
  stdout: boolean;
  stderr: boolean;
  /** Replay the log first. */
  logs: boolean;
  /** Stay connected; with `logs` only, returns after the replay. */
  stream: boolean;
  /** Parsed key sequence; undefined = none. */
  detachKeys?: Uint8Array;
  /** Called when the connection to the container's streams stands or is parked (headers may be sent). */
  onReady?: () => void;
  signal?: AbortSignal;
}

export type AttachOutcome = { reason: 'detached' | 'ended' | 'client-gone' };

export interface OutputSink {
  write(stream: 'stdout' | 'stderr', chunk: Uint8Array): boolean;
  /** Resolves when the client took what was written. */
  drained(): Promise<void>;
}

export interface LogsRequest {
  stdout: boolean;
  stderr: boolean;
  follow: boolean;
  tail?: number;
  sinceMs?: number;
  untilMs?: number;
  signal?: AbortSignal;
}

/** Several log entries at once; `time` is RFC 3339 with nanoseconds. */
export type OutputBatch = { stream: 'stdout' | 'stderr'; time: string; text: Uint8Array }[];

/** Further processes in running containers. */
export interface ContainerExecs {
  create(nameOrId: string, request: ExecRequest): Promise<ExecId>;
  /** Detached: resolves when started. Otherwise streams as `attach` does and resolves at the end. */
  start(id: string, request: { detach: true } | ({ detach: false } & ExecAttachRequest)): Promise<void>;
  resize(id: string, size: { columns: number; rows: number }): Promise<void>;
  inspect(id: string): ExecInfo;
  /** Those of a container that have not ended. */
  of(containerId: ContainerId): ExecId[];
}

export type ExecAttachRequest = Pick<
  AttachRequest,
  'stdin' | 'output' | 'onReady' | 'signal' | 'detachKeys'
> & {
  consoleSize?: { columns: number; rows: number };
};

export interface ExecRequest {
  args: string[];
  env: string[];
  cwd?: string;
  user?: string;
  terminal: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  privileged: boolean;
  detachKeys?: Uint8Array;
  consoleSize?: { columns: number; rows: number };
}

export interface ExecInfo {
  id: ExecId;
  containerId: ContainerId;
  request: ExecRequest;
  running: boolean;
  exitCode?: number;
  pid: number;
}
