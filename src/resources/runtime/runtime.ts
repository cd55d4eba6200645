import type { ContainerId, ExecId } from '../../foundation/base/ids.ts';
import type { CgroupUsage } from '../../foundation/kernel/cgroup-usage.ts';
import type { LinkCounters } from '../../foundation/kernel/link-counters.ts';
import type { RuntimeSpec, SpecProcess, SpecResources } from '../../foundation/oci/runtime-spec.ts';

/**
 * Runs containers; drivers: `oci` (conmon and an OCI runtime), later `vm`.
 *
 * `create` leaves a process parked before its program starts, so that attaching, waiting and networking happen first and
 * nothing is missed. Everything about a running container lives outside of our process (conmon, the files below `DIR/<id>`), so
 * the engine may die at any instruction; `recover` finds again what a former engine started. Each call has a deadline.
 * Error kinds: `invalid` with code `command-not-found` / `command-not-executable` / `working-directory` when the program cannot
 * be started (clients exit with 127 / 126), `not-found` when the runtime does not know the container, `timeout`, `internal`.
 */
export interface Runtime {
  create(request: CreateContainer): Promise<CreatedContainer>;
  /** Lets the parked program run. */
  start(id: ContainerId): Promise<void>;
  /** Signals the first process, or with `all` every process of the container. `not-found` when it has ended. */
  kill(id: ContainerId, signal: number, options?: { all?: boolean }): Promise<void>;
  /** Removes all that the runtime keeps for it (cgroup, state, bundle, sockets, exit file); kills first when still alive. Absent is fine. */
  delete(id: ContainerId): Promise<void>;
  /**
   * Containers and exec processes that the driver's folder shows, alive or ended, after a restart of the engine. Afterwards exits of
   * those alive arrive through `onExit` as usual.
   */
  recover(): Promise<RecoveredContainer[]>;
  /** Calls back once per container end and per exec end, after all of its output was written to the log. */
  onExit(listener: (exit: RuntimeExit) => void): Disposable;
}

export interface CreateContainer {
  id: ContainerId;
  /** Written into the bundle as `config.json`; `root.path` is absolute and mounted by the caller. */
  spec: RuntimeSpec;
  terminal: boolean;
  /** Keeps stdin open for attaching; `stdinOnce` closes it when the first attached client ends its side. */
  stdin: 'none' | 'open' | 'once';
  log: { path: string; driver: 'k8s-file' | 'none'; maxSizeBytes?: number };
  /** Executable of the OCI runtime, when not the default (`--runtime`). */
  runtimeName?: string;
}

export interface CreatedContainer {
  /** Process id, in our namespace, of the container's first process. */
  pid: number;
}

export interface RecoveredContainer {
  id: ContainerId;
  status:
    | { status: 'created' | 'running'; pid: number }
    /** `begunAtMs`: when its making began, in the time of the file system, as the times of ends. */
    | { status: 'ended'; exit: ExitInfo; begunAtMs: number }
    | { status: 'lost' };
  /** Exec processes that still run; those that ended are forgotten. */
  execs: ExecId[];
}

export interface ExitInfo {
  /** 0-255; 128+n when ended by signal n. */
  exitCode: number;
  oomKilled: boolean;
  /** When the monitor saw it, milliseconds since the epoch. */
  finishedAtMs: number;
}

export type RuntimeExit = { id: ContainerId; execId?: ExecId } & ExitInfo;

/** Streams of a container or an exec process. */
export interface Streams {
  /**
   * Connects to the monitor. Several may be attached at once and each sees all output from then on. With a terminal all output is
   * `stdout`.
   */
  attach(target: StreamTarget, options?: AttachOptions): Promise<AttachedStreams>;
  /** For all who wait for a container that is not started yet: each sees the output from its first byte. In the order of the clients. */
  attachTogether(id: ContainerId, clients: readonly AttachOptions[]): Promise<AttachedStreams[]>;
  /** Size in character cells; no effect without a terminal. */
  resize(target: StreamTarget, size: TerminalSize): Promise<void>;
  /** Asks the monitor to begin a new log file in place of the present one; false when there is nobody to ask. Nothing that was written is lost. */
  renewLog(id: ContainerId): boolean;
}

export interface AttachOptions {
  /**
   * False for a client that only reads: its leaving never ends the program's stdin, not even with `stdin: 'once'`, where the leaving of
   * any other client does. Default true.
   */
  input?: boolean;
}

export type StreamTarget = { id: ContainerId; execId?: ExecId };
export interface TerminalSize {
  columns: number;
  rows: number;
}

export interface AttachedStreams extends Disposable {
  /** Delivers output in order; must be set right after `attach`. Return false to pause until `resume` is called. */
  onOutput(listener: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => boolean): void;
  /** The process ended and all output was delivered, or the monitor went away. */
  readonly closed: Promise<void>;
  resume(): void;
  /** Writes to stdin; resolves when the monitor took it (back-pressure). */
  write(chunk: Uint8Array): Promise<void>;
  /** End of file on stdin. */
  endInput(): void;
}

/** Further processes inside a running container. */
export interface Execs {
  /** Starts the process; when `onAttached` is given it is attached before the first instruction runs. */
  exec(request: ExecProcess): Promise<{ pid: number; streams?: AttachedStreams }>;
  /** SIGKILL for the process and those of its process group. One that has ended is fine. */
  killExec(id: ContainerId, execId: ExecId): Promise<void>;
  /** Removes what the driver keeps for an ended exec. Absent is fine. */
  forgetExec(id: ContainerId, execId: ExecId): Promise<void>;
}

export interface ExecProcess {
  id: ContainerId;
  execId: ExecId;
  process: SpecProcess;
  /** Attach before start; otherwise output is dropped. */
  attach: boolean;
  stdin: boolean;
  /** Whose its standard streams are, on the host: given for a process in a user namespace, where the runtime cannot. */
  streamOwner?: { uid: number; gid: number };
}

/** Freezing, where the driver can. */
export interface Freezer {
  /** Whether its processes are frozen, or are being frozen, now. */
  isFrozen(id: ContainerId): boolean;
  pause(id: ContainerId): Promise<void>;
  resume(id: ContainerId): Promise<void>;
}

/** What a container's processes have used since they were started. A container in a machine of its own tells the same from inside. */
export interface ContainerUsage extends CgroupUsage {
  /** By the name of the interface inside; empty without a network namespace of its own. */
  networks: Record<string, LinkCounters>;
}

/** Reading usage, where the driver can. */
export interface UsageReader {
  /** One reading, at once; `undefined` when it does not run. */
  read(id: ContainerId): Promise<ContainerUsage | undefined>;
}

/** Changing the limits of what runs, where the driver can. */
export interface LiveLimits {
  /** Absent fields stay as they are, -1 takes a limit away. All hold when it resolves; when it fails none has changed. */
  set(id: ContainerId, resources: SpecResources): Promise<void>;
}

/** What a driver offers; absent abilities make the engine answer kind `unsupported`. */
export interface RuntimeDriver extends AsyncDisposable {
  readonly name: string;
  readonly containers: Runtime;
  readonly streams: Streams;
  readonly execs: Execs;
  readonly freezer?: Freezer;
  readonly limits?: LiveLimits;
  readonly usage?: UsageReader;
}
