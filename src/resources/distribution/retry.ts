import { setTimeout as sleep } from 'node:timers/promises';
import { SiloError, canceled, toSiloError } from '../../foundation/base/errors.ts';
import type { HttpReply } from './transport.ts';

export interface RetryPolicy {
  /** Tries in all. */
  attempts: number;
  /** Wait before the second try; doubles each time, and a random part up to its half is added. */
  baseMs: number;
  /** A registry that asks for a longer pause gets none: the user hears of it at once. */
  maximumWaitMs: number;
}

export const defaultRetry: RetryPolicy = { attempts: 5, baseMs: 250, maximumWaitMs: 30_000 };

/** Sends again after 429, 5xx and lost connections; the last reply or error is the caller's to judge. */
export async function sendWithRetry(
  send: () => Promise<HttpReply>,
  policy: RetryPolicy,
  signal?: AbortSignal,
): Promise<HttpReply> {
  for (let attempt = 1; ; attempt++) {
    const last = attempt >= policy.attempts;
    let asked: number | undefined;
    try {
      const reply = await send();
      if (last || !isTransientStatus(reply.status)) return reply;
      asked = retryAfterMs(reply.headers['retry-after'], Date.now());
      if ((asked ?? 0) > policy.maximumWaitMs) return reply;
      reply.discard();
    } catch (error) {
      if (last || !isLostConnection(error)) throw error;
    }
    await pause(Math.max(asked ?? 0, backOffMs(attempt, policy)), signal);
  }
}

/** Waits, or fails with kind `canceled`. */
export async function pause(waitMs: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(waitMs, undefined, signal ? { signal } : {});
  } catch (error) {
    throw canceled('the wait for the registry was canceled', { cause: error });
  }
}

export function backOffMs(attempt: number, policy: RetryPolicy): number {
  const wait = Math.min(policy.baseMs * 2 ** (attempt - 1), policy.maximumWaitMs);
  return wait + (Math.random() * wait) / 2;
}

/** Broken in the middle, not refused: worth another try. */
function isLostConnection(error: unknown): boolean {
  return error instanceof SiloError && toSiloError(error).code === 'connection-lost';
}

function isTransientStatus(status: number): boolean {
  return status === 429 || status === 408 || (status >= 500 && status !== 501 && status !== 505);
}

/** Seconds or an HTTP date. RFC 9110 section 10.2.3. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
