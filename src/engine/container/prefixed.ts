import { SiloError, toSiloError } from '../../foundation/base/errors.ts';

/** The same error with words before its message, as Docker puts the verb before some reasons. */
export function prefixed(prefix: string, thrown: unknown): SiloError {
  const { kind, code, hint, message } = toSiloError(thrown);
  return new SiloError(kind, `${prefix}: ${message}`, {
    code,
    cause: thrown,
    hint,
  });
}
