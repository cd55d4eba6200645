import type { ContainerConfig } from '../config.ts';

const initialDelayMs = 100;
const maximumDelayMs = 60_000;
/** A run of this length counts as healthy and resets the back-off, as in Docker. */
const healthyRunMs = 10_000;

type Policy = ContainerConfig['restart'];

/** How a run ended. */
export interface RunEnd {
  exitCode: number;
  /** Restarts so far. */
  restartCount: number;
  stoppedByUser: boolean;
  /** It was unhealthy, and its health check wants such a container to begin anew. */
  restartsUnhealthy?: boolean;
}

/** Whether a container that ended begins anew. `stoppedByUser` wins over every policy. */
export function shouldRestart(policy: Policy, end: RunEnd): boolean {
  if (end.stoppedByUser) return false;
  return end.restartsUnhealthy === true || wantsRestart(policy, end);
}

/**
 * Whether a start of the engine (or the machine) starts it: `always` does so even when its user had stopped it, and `on-failure` counts on from
 * the attempts of before.
 */
export function startsWithEngine(policy: Policy, end: Omit<RunEnd, 'restartsUnhealthy'>): boolean {
  return policy.name === 'always' || (!end.stoppedByUser && wantsRestart(policy, end));
}

function wantsRestart(policy: Policy, end: Pick<RunEnd, 'exitCode' | 'restartCount'>): boolean {
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

/** Delay before the next attempt: doubles up to a minute, begins anew after a run of ten seconds. */
export function nextDelayMs(previousDelayMs: number, ranForMs: number): number {
  if (previousDelayMs === 0 || ranForMs >= healthyRunMs) return initialDelayMs;
  return Math.min(previousDelayMs * 2, maximumDelayMs);
}
