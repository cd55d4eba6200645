import type { HealthCheck, HealthResult, HealthState } from './health.ts';

const keptResults = 5;
const defaults = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startPeriodMs: 0,
  startIntervalMs: 5_000,
  retries: 3,
};

export type HealthRules = typeof defaults;

export function rulesOf(check: HealthCheck): HealthRules {
  return {
    intervalMs: check.intervalMs || defaults.intervalMs,
    timeoutMs: check.timeoutMs || defaults.timeoutMs,
    startPeriodMs: check.startPeriodMs || defaults.startPeriodMs,
    startIntervalMs: check.startIntervalMs || defaults.startIntervalMs,
    retries: check.retries || defaults.retries,
  };
}

/** A run begins: what was known of the former one is its log. */
export function startingHealth(former: HealthState | undefined): HealthState {
  return { status: 'starting', failingStreak: 0, log: former?.log ?? [] };
}

/** What follows from a check. Failures within the start period of a run that was never healthy do not count. */
export function nextHealth(
  state: HealthState,
  result: HealthResult,
  { rules, startedAtMs }: { rules: HealthRules; startedAtMs: number },
): HealthState {
  const log = [...state.log, result].slice(-keptResults);
  if (result.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  const isExcused =
    state.status === 'starting' && isWithin(result.startedAtMs - startedAtMs, rules.startPeriodMs);
  if (isExcused) return { ...state, log };
  const failingStreak = state.failingStreak + 1;
  return { status: failingStreak >= rules.retries ? 'unhealthy' : state.status, failingStreak, log };
}

/** Time until the next check: the start interval as long as the start period lasts and nothing was healthy yet. */
export function untilNextMs(
  { status }: Pick<HealthState, 'status'>,
  rules: HealthRules,
  ranForMs: number,
): number {
  return status === 'starting' && isWithin(ranForMs, rules.startPeriodMs)
    ? rules.startIntervalMs
    : rules.intervalMs;
}

/** A clock that was set back must not make a start period last for years. */
const isWithin = (ranForMs: number, periodMs: number): boolean => ranForMs >= 0 && ranForMs < periodMs;
