import { type ErrorKind, SiloError, toSiloError } from './errors.ts';

/** An error on its way from one of our processes to another. */
export interface ErrorJson {
  kind: string;
  code: string;
  message: string;
  hint?: string;
}

export function errorToJson(thrown: unknown): ErrorJson {
  const { kind, code, message, hint } = toSiloError(thrown);
  return { kind, code, message, ...(hint === undefined ? {} : { hint }) };
}

/** The same where a client gave an archive: one that is not sound is the client's fault, and the hints for images do not fit. */
export function archiveErrorToJson(thrown: unknown): ErrorJson {
  const told = errorToJson(thrown);
  const { kind, code, message } = told;
  return kind === 'corrupt' ? { kind: 'invalid', code, message } : told;
}

const kinds: Record<ErrorKind, true> = {
  invalid: true,
  'not-found': true,
  conflict: true,
  'not-modified': true,
  unauthorized: true,
  forbidden: true,
  unavailable: true,
  exhausted: true,
  canceled: true,
  timeout: true,
  unsupported: true,
  corrupt: true,
  internal: true,
};

/** The error that another process told; whatever it said, a `SiloError` comes out. */
export function errorOfJson(value: unknown): SiloError {
  const fields: Record<string, unknown> = typeof value === 'object' && value !== null ? { ...value } : {};
  const text = (name: string): string | undefined =>
    typeof fields[name] === 'string' ? fields[name].slice(0, 16_000) : undefined;
  const kind = text('kind') ?? '';
  return new SiloError(
    Object.hasOwn(kinds, kind) ? (kind as ErrorKind) : 'internal',
    text('message') ?? 'the other side failed',
    { code: text('code'), hint: text('hint') },
  );
}
