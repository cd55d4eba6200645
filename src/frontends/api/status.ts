import type { ErrorKind, SiloError } from '../../foundation/base/errors.ts';
import type { ErrorBody } from '../../foundation/wire/docker/system.ts';

/** HTTP status of each kind of error, as the real engine answers (daemon/server/httpstatus). A new kind does not compile until it is here. */
export const statusOf = {
  invalid: 400,
  'not-found': 404,
  conflict: 409,
  'not-modified': 304,
  unauthorized: 401,
  forbidden: 403,
  unavailable: 503,
  exhausted: 500,
  canceled: 499,
  timeout: 504,
  unsupported: 501,
  corrupt: 500,
  internal: 500,
} as const satisfies Record<ErrorKind, number>;

/** Docker's body; `hint` is ours, other clients ignore it. */
export function errorBody(error: SiloError): ErrorBody & { hint?: string } {
  return { message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
}
