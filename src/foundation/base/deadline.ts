import { canceled, timedOut } from './errors.ts';

/**
 * Settles as `work` does, or fails with kind `timeout` after `timeoutMs`. The work itself is not stopped: give it the
 * same signal where it can be.
 */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expiry = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timedOut(`${what} did not finish within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, expiry]);
  } finally {
    clearTimeout(timer);
  }
}

/** Throws kind `canceled` once the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw canceled(`${what} was canceled`, { cause: signal.reason });
}
