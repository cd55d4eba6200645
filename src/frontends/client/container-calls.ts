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
import type { StatsJson } from '../../foundation/wire/docker/stats.ts';
import type { StreamConnection } from './stream-connection.ts';
import type { CallOptions, Filters } from './calls.ts';

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

export interface ExecCalls {
  create(containerId: string, body: ExecCreateBody, options?: CallOptions): Promise<IdResponse>;
  /** Starts the process with its streams connected. */
  attach(id: string, body: ExecStartBody, options?: CallOptions): Promise<StreamConnection>;
  /** Starts the process on its own. */
  startDetached(id: string, body: ExecStartBody, options?: CallOptions): Promise<void>;
  resize(id: string, size: TerminalSize, options?: CallOptions): Promise<void>;
  inspect(id: string, options?: CallOptions): Promise<ExecInspectJson>;
}
