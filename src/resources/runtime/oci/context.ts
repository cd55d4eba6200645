import type { ContainerId, ExecId } from '../../../foundation/base/ids.ts';
import type { Log } from '../../../foundation/base/log.ts';
import type { Reactor } from '../../../foundation/kernel/reactor.ts';
import type { ExitInfo, RuntimeExit } from '../runtime.ts';
import type { Cgroups } from './cgroups.ts';
import type { Layout } from './layout.ts';
import type { ContainerRecord } from './record.ts';
import type { RuntimePrograms } from './runtime-program.ts';
import type { SeccompCache } from './seccomp-cache.ts';

/** What the parts of the driver share. */
export interface Context {
  readonly layout: Layout;
  readonly reactor: Reactor;
  readonly log: Log;
  readonly programs: RuntimePrograms;
  readonly cgroups: Cgroups;
  readonly seccomp: SeccompCache;
  readonly conmon: string;
  readonly deadlineMs: number;
  readonly containers: Map<ContainerId, TrackedContainer>;
  readonly execs: Map<ExecId, TrackedExec>;
  emit(exit: RuntimeExit): void;
}

/** A container whose monitor we follow. */
export interface TrackedContainer {
  id: ContainerId;
  record: ContainerRecord;
  init: InitProcess;
  /** Settles once, when the exit is known. */
  exit: PromiseWithResolvers<ExitInfo>;
  ended: boolean;
  /** Released when the container has ended. */
  resources: DisposableStack;
}

export interface InitProcess {
  pid: number;
  /** undefined when it had ended before we could look. */
  pidfd: number | undefined;
}

export interface TrackedExec {
  id: ContainerId;
  execId: ExecId;
  pid: number;
  terminal: boolean;
  exit: PromiseWithResolvers<ExitInfo>;
  /** Its conmon has exited and writes to the exec's folder no more. */
  monitorGone: Promise<void>;
}
