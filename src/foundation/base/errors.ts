/**
 * The closed set of reasons for which something can fail. A kind exists only if a caller would act differently;
 * each frontend translates every kind in one table (`satisfies Record<ErrorKind, …>`).
 */
export type ErrorKind =
  | 'invalid'
  | 'not-found'
  | 'conflict'
  | 'not-modified'
  | 'unauthorized'
  | 'forbidden'
  | 'unavailable'
  | 'exhausted'
  | 'canceled'
  | 'timeout'
  | 'unsupported'
  | 'corrupt'
  | 'internal';

export interface SiloErrorOptions {
  /** Stable machine-readable name, kebab-case; defaults to the kind. */
  code?: string | undefined;
  /** What the user can do about it, one sentence. */
  hint?: string | undefined;
  cause?: unknown;
}

/** The one error class. The message says what failed and why; `hint` says what to do. */
export class SiloError extends Error {
  override readonly name: string = 'SiloError';
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, message: string, options: SiloErrorOptions = {}) {
    super(redact(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = options.code ?? kind;
    this.hint = options.hint;
  }
}

const builder =
  (kind: ErrorKind) =>
  (message: string, options?: SiloErrorOptions): SiloError =>
    new SiloError(kind, message, options);

export const invalid = builder('invalid');
export const notFound = builder('not-found');
export const conflict = builder('conflict');
export const notModified = builder('not-modified');
export const unauthorized = builder('unauthorized');
export const forbidden = builder('forbidden');
export const unavailable = builder('unavailable');
export const exhausted = builder('exhausted');
export const canceled = builder('canceled');
export const timedOut = builder('timeout');
export const unsupported = builder('unsupported');
export const corrupt = builder('corrupt');
export const internal = builder('internal');

/**
 * The error a frontend should answer with. Looks through `SuppressedError` (whose own message is empty when an undo
 * failed after the original error) and turns anything that is not ours into kind `internal`.
 */
export function toSiloError(thrown: unknown): SiloError {
  let current = thrown;
  while (isSuppressed(current)) current = current.suppressed;
  if (current instanceof SiloError) return current;
  if (current instanceof DOMException && current.name === 'AbortError')
    return canceled('operation was canceled', { cause: current });
  const message = current instanceof Error ? current.message : String(current);
  if (isDiskFull(current)) return diskFull(message, pathOf(current) ?? 'the data root', current);
  return internal(message || 'unknown failure', { cause: current });
}

/** Whether a call failed because the file system, the quota, or the database's file has no room: errno(3) names, or SQLite's result code. */
export function isDiskFull(thrown: unknown): boolean {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL';
}

export function diskFull(message: string, place: string, cause: unknown): SiloError {
  const hint = `free space below ${place}, for example: silo image prune`;
  return exhausted(message, { code: 'disk-full', hint, cause });
}

function pathOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'path' in thrown && typeof thrown.path === 'string'
    ? thrown.path
    : undefined;
}

function isSuppressed(value: unknown): value is { suppressed: unknown } {
  return value instanceof Error && value.name === 'SuppressedError' && 'suppressed' in value;
}

/** Whether `thrown` is (or wraps, after a failed undo) a `SiloError` of the kind. */
export function isKind(thrown: unknown, kind: ErrorKind): boolean {
  return toSiloError(thrown).kind === kind;
}

const credentials = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]+:[^\s/@]+@/gi;
const authorization = /\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi;
// Control characters would let hostile names rewrite a terminal; tab and newline stay.
// oxlint-disable-next-line no-control-regex -- matching control characters is this pattern's purpose
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Removes credentials and terminal control characters from text that people or logs will see. */
export function redact(text: string): string {
  return text
    .replace(credentials, '$1***@')
    .replace(authorization, '$1 ***')
    .replace(control, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
