import { SiloError, canceled, forbidden, unavailable, unsupported } from '../../foundation/base/errors.ts';
import type { ErrorKind } from '../../foundation/base/errors.ts';
import type { Host } from './host.ts';

/** What `cause` of an error holds when the daemon answered it. */
interface ResponseCause {
  daemonStatus: number;
}

const kinds: Record<number, ErrorKind> = {
  304: 'not-modified',
  400: 'invalid',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  405: 'unsupported',
  408: 'timeout',
  409: 'conflict',
  429: 'exhausted',
  499: 'canceled',
  501: 'unsupported',
  503: 'unavailable',
  504: 'timeout',
  507: 'exhausted',
};

/** The error that an answer with a status of 304 or above 399 means; the message is the server's. */
export function errorOfResponse(status: number, reason: string, body: string): SiloError {
  const { message, hint } = readErrorBody(body);
  const kind = kinds[status] ?? (status < 500 ? 'invalid' : 'internal');
  const cause: ResponseCause = { daemonStatus: status };
  return new SiloError(kind, message ?? (body.trim().slice(0, 1000) || `${status} ${reason}`.trim()), {
    cause,
    hint,
  });
}

/** An error that arrived inside a stream after its headers, in the shape of the others. */
export function errorOfStream(message: string, status = 500): SiloError {
  const cause: ResponseCause = { daemonStatus: status };
  return new SiloError(kinds[status] ?? 'internal', message, { cause });
}

/** The HTTP status when the daemon answered this error; undefined when it arose on this side. */
export function daemonStatus(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const cause: unknown = thrown.cause;
  if (typeof cause !== 'object' || cause === null || !('daemonStatus' in cause)) return undefined;
  return typeof cause.daemonStatus === 'number' ? cause.daemonStatus : undefined;
}

function readErrorBody(body: string): { message?: string; hint?: string } {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== 'object' || value === null) return {};
    return {
      ...('message' in value && typeof value.message === 'string' ? { message: value.message } : {}),
      ...('hint' in value && typeof value.hint === 'string' ? { hint: value.hint } : {}),
    };
  } catch {
    return {};
  }
}

/** Code of the error for a daemon that does not listen; the CLI starts one then. */
export const unreachableCode = 'daemon-unreachable';

/** What a failed connection means. */
export function errorOfConnection(
  { text: host, namedBy }: Pick<Host, 'text' | 'namedBy'>,
  cause: unknown,
): SiloError {
  const code = errnoOf(cause);
  if (host.startsWith('ssh:') && code === 'ENOENT')
    return unsupported(`ssh is not installed on this machine, and ${host} is reached through it`, {
      code: 'no-ssh',
      cause,
      hint: 'install it here: apt-get install openssh-client',
    });
  const otherwise =
    namedBy === undefined
      ? ', or select another one with -H or SILO_HOST'
      : `; ${namedBy} chose this address`;
  if (code === 'EACCES' || code === 'EPERM')
    return forbidden(`permission denied while trying to connect to the Silo daemon socket at ${host}`, {
      cause,
      hint: `use sudo; or let a group in, as root: groupadd --system silo; usermod -aG silo YOU; silo daemon stop; then log in again${otherwise}`,
    });
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return unavailable(`Cannot connect to the Silo daemon at ${host}. Is the silo daemon running?`, {
      code: unreachableCode,
      cause,
      hint: `start it with \`silo daemon\`${otherwise}`,
    });
  const why = cause instanceof Error ? cause.message : String(cause);
  return unavailable(`error during connect to ${host}: ${why}`, {
    cause,
    ...(namedBy === undefined ? {} : { hint: `${namedBy} chose this address` }),
  });
}

/** What a connection that broke in the middle means. */
export function errorOfBreak(host: string, cause: unknown): SiloError {
  if (cause instanceof SiloError) return cause;
  // TLS 1.3 tells a client only after the handshake that it was not let in.
  if (/^ERR_SSL_.*ALERT/.test(errnoOf(cause) ?? '')) return refusedByTls(host, cause);
  const why =
    cause instanceof Error ? cause.message : 'the connection was closed before the answer was complete';
  return unavailable(`lost the connection to the daemon at ${host}: ${why}`, {
    cause,
    hint: host.startsWith('ssh:')
      ? 'what ssh said stands above; silo must be installed there'
      : 'the daemon may have been stopped; containers go on without it',
  });
}

function refusedByTls(host: string, cause: unknown): SiloError {
  const alert = /ALERT_(\w+)$/.exec(errnoOf(cause) ?? '')?.[1] ?? 'refused';
  return new SiloError(
    'unauthorized',
    `the daemon at ${host} refused the connection: ${alert.toLowerCase().replaceAll('_', ' ')}`,
    {
      code: 'tls-refused',
      cause,
      hint: 'show a certificate of its authority: set DOCKER_CERT_PATH to a folder that `silo tls client` made there',
    },
  );
}

export function errorOfAbort(signal: AbortSignal): SiloError {
  return canceled('operation was canceled', { cause: signal.reason });
}

function errnoOf(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}
