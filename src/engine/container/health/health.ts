/**
 * Health checks: a program that is run in the container again and again, and what follows from its exit codes. The state is part of the container's record
 * (written relaxed: it need not survive the machine); the checks of a container go on after a restart of the engine.
 */
export interface HealthCheck {
  /** `none` switches the image's check off; `shell` has one text for the image's shell; undefined inherits the image's. */
  test?: { kind: 'none' } | { kind: 'exec'; args: string[] } | { kind: 'shell'; text: string };
  /** 0 or absent inherits, then Docker's defaults: 30 s, 30 s, 0 s, 5 s, 3. */
  intervalMs?: number;
  timeoutMs?: number;
  startPeriodMs?: number;
  startIntervalMs?: number;
  retries?: number;
  /** Of ours: what happens when it becomes unhealthy. Absent is `none`. */
  onFailure?: 'none' | 'restart' | 'stop' | 'kill';
}

export interface HealthState {
  status: 'starting' | 'healthy' | 'unhealthy';
  failingStreak: number;
  /** The last five, oldest first. */
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
