import { type RateLimit, createRateLimiter } from '../../engine/registry/rate-limit.ts';
import { unavailable } from '../../foundation/base/errors.ts';
import type { Exchange } from '../../foundation/http/http.ts';

/** Lets a request in, or throws kind `unavailable`, code `too-many-requests`, with `Retry-After` set. */
export type Admit = (exchange: Exchange) => void;

/** By the address of the connection: no header is believed, as any client can write one. `unlimited` are paths of whoever watches over the server. */
export function limitByAddress(limit: RateLimit, unlimited: readonly string[]): Admit {
  const limiter = createRateLimiter(limit);
  return (exchange) => {
    const { remoteAddress, path } = exchange;
    if (remoteAddress === undefined || unlimited.includes(path)) return;
    const waitMs = limiter.take(remoteAddress);
    if (waitMs === undefined) return;
    // RFC 9110, 10.2.3: whole seconds.
    exchange.setHeader('Retry-After', String(Math.max(1, Math.ceil(waitMs / 1000))));
    throw unavailable('too many requests from this address', {
      code: 'too-many-requests',
      hint: 'try again later',
    });
  };
}
