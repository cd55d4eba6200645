import { isKind } from '../../../foundation/base/errors.ts';

/** A thing that is already as wanted (304) is a success, as in Docker. */
export function ignoreDone(error: unknown): void {
  if (!isKind(error, 'not-modified')) throw error;
}
