import { SiloError } from '../../../../foundation/base/errors.ts';
import { excerpt } from './excerpt.ts';
import type { Source } from './source.ts';
import type { Span } from './span.ts';

/** Where a fault of a Dockerfile is; errors carry it as their cause. */
export interface FaultPlace {
  file: string;
  span: Span;
}

export interface Fault {
  /** Stable machine-readable name, kebab-case. */
  code: string;
  /** What is wrong, without the place. */
  message: string;
  /** What to do about it. */
  hint?: string;
}

/**
 * The error of a file that cannot be built: kind `invalid`, Docker's opening words with the line, then the line itself with a caret
 * below the offending text.
 */
export function faultAt(source: Source, span: Span, { code, message, hint }: Fault): SiloError {
  const place: FaultPlace = { file: source.name, span };
  return new SiloError(
    'invalid',
    `dockerfile parse error on line ${span.line}: ${message}\n${excerpt(source, span)}`,
    { code, cause: place, hint },
  );
}

/** The place that `faultAt` recorded, for frontends that show it in their own way. */
export function placeOf(error: unknown): FaultPlace | undefined {
  const cause: unknown = error instanceof SiloError ? error.cause : undefined;
  return typeof cause === 'object' && cause !== null && 'file' in cause && 'span' in cause
    ? (cause as FaultPlace)
    : undefined;
}
