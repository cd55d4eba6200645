import type { ContainerConfig } from './config.ts';

const initialDelayMs = 100;
const maximumDelayMs = 60_000;
/** A run of this length counts as healthy and resets the back-off, as in Docker. */
const healthyRunMs = 10_000;

/** Whether the policy restarts a container that ended by itself. `stoppedByUser` wins over every policy. */
export function shouldRestart(
  policy: ContainerConfig['restart'],
  end: { exitCode: number; restartCount: number; stoppedByUser: boolean },
): boolean {
  if (end.stoppedByUser) return false;
  switch (policy.name) {
    case 'always':
    case 'unless-stopped':
      return true;
    case 'on-failure':
      return (
        end.exitCode !== 0 && (policy.maximumRetryCount === 0 || end.restartCount < policy.maximumRetryCount)
      );
    case '':
    case 'no':
      return false;
  }
}

/** Whether a start of the engine (or the machine) starts it. */
export function startsWithEngine(
  policy: ContainerConfig['restart'],
  end: { exitCode: number; stoppedByUser: boolean },
): boolean {
  switch (policy.name) {
    case 'always':
      return true;
    case 'unless-stopped':
      return !end.stoppedByUser;
    case 'on-failure':
      return end.exitCode !== 0 && !end.stoppedByUser;
    case '':
    case 'no':
      return false;
  }
}

/** Delay before the next attempt: doubles up to a minute, begins anew after a run of ten seconds. */
export function nextDelayMs(previousDelayMs: number, ranForMs: number): number {
  if (previousDelayMs === 0 || ranForMs >= healthyRunMs) return initialDelayMs;
  return Math.min(previousDelayMs * 2, maximumDelayMs);
}
