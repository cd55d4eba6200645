import { type SiloError, exhausted, internal } from '../../foundation/base/errors.ts';

/** Turns an errno of the content store's files into our error; `what` says what was being done. */
export function diskError(error: unknown, what: string): SiloError {
  const code = errnoOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return exhausted(`${what}: no space left on device`, {
      code: 'disk-full',
      hint: 'free some space (`silo system df` shows what takes it, `silo system prune` removes what nothing uses), then try again',
      cause: error,
    });
  return internal(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

/** `ENOENT` and the like, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
