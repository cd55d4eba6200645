import { findIpAddress } from '../../foundation/base/ip-address.ts';

/** So many requests in so much time; as many may come at once. */
export interface RateLimit {
  requests: number;
  perMs: number;
}

export interface RateLimiter {
  /** Counts a request: undefined when it may pass, or the milliseconds after which the next one may. */
  take(address: string): number | undefined;
}

interface Bucket {
  /** Requests that may come at once. */
  left: number;
  atMs: number;
}

/** Addresses that are remembered; beyond it the one that was silent for longest begins anew. */
const rememberedAtMost = 50_000;

/** A bucket of tokens for each client address. */
export function createRateLimiter(
  { requests, perMs }: RateLimit,
  now: () => number = () => performance.now(),
): RateLimiter {
  // In order of the last request.
  const buckets = new Map<string, Bucket>();
  return {
    take(address) {
      const key = clientOf(address);
      const atMs = now();
      const before = buckets.get(key);
      const refilled =
        before === undefined ? requests : before.left + ((atMs - before.atMs) * requests) / perMs;
      const left = Math.min(refilled, requests);
      buckets.delete(key);
      buckets.set(key, { left: left >= 1 ? left - 1 : left, atMs });
      const [oldest] = buckets.keys();
      if (buckets.size > rememberedAtMost && oldest !== undefined) buckets.delete(oldest);
      return left >= 1 ? undefined : ((1 - left) * perMs) / requests;
    },
  };
}

/** RFC 4291: a client of IPv6 has 64 bits of addresses to itself. */
function clientOf(text: string): string {
  const address = findIpAddress(text.replace(/%.*$/, ''));
  if (address?.family !== 6) return text;
  const isMapped = address.value >> 32n === 0xffffn;
  return isMapped ? `4 ${address.value & 0xffffffffn}` : `6 ${address.value >> 64n}`;
}
