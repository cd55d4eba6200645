import type { ContainerId } from '../../../foundation/base/ids.ts';

/**
 * Health checks: a program that is run in the container again and again, and what follows from its exit codes. The state is part of the container's record
 * (written relaxed: it need not survive the machine); the checks of a container go on after a restart of the engine.
 */
export interface HealthCheck {
  /**
   * `none` switches the image's check off; `shell` has one text for the container's shell, and rarely arguments of that text; undefined inherits the
   * image's.
   */
  test?:
    | { kind: 'none' }
    | { kind: 'exec'; args: string[] }
    | { kind: 'shell'; text: string; args?: string[] };
  /** 0 or absent inherits, then Docker's defaults: 30 s, 30 s, 0 s, 5 s, 3. */
  intervalMs?: number;
  timeoutMs?: number;
  startPeriodMs?: number;
  startIntervalMs?: number;
  retries?: number;
  /** Of ours: what happens when it becomes unhealthy. Absent is `none`. */
  onFailure?: HealthFailureAction;
}

export type HealthFailureAction = 'none' | 'restart' | 'stop' | 'kill';

/** How a client of the Docker API says `onFailure`: an annotation, as `docker run --annotation` can. */
export const onFailureAnnotation = 'silo.health-on-failure';

export interface HealthState {
  /** A run that has ended is `unhealthy`, whatever it was: clients of Docker know it so. */
  status: 'starting' | 'healthy' | 'unhealthy';
  failingStreak: number;
  /** The last five, oldest first; those of former runs too. */
  log: HealthResult[];
}

export interface HealthResult {
  startedAtMs: number;
  endedAtMs: number;
  /** -1 when it could not be run or took too long. */
  exitCode: number;
  /** At most 4 KiB. */
  output: string;
}

/** The checks under way: one timer per running container that has a check, none for others. */
export interface HealthMonitors extends Disposable {
  /** From now on. `recovered` spreads the first checks of many containers over their interval. Does nothing without a check. */
  watch(id: ContainerId, options?: { recovered: boolean }): void;
  /** The run ended or is paused: the result of a check under way is ignored. */
  unwatch(id: ContainerId): void;
}
