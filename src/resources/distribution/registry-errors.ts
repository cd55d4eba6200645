import {
  SiloError,
  canceled,
  corrupt,
  forbidden,
  internal,
  invalid,
  notFound,
  unauthorized,
  unavailable,
} from '../../foundation/base/errors.ts';
import { type Reference, familiarName, familiarRepository } from '../../foundation/oci/reference.ts';
import { parseChallenges } from './challenge.ts';

/** What a registry said went wrong. OCI distribution spec, "Error Codes". */
export interface RegistryError {
  code: string;
  message: string;
}

/**
 * Wraps what Node's network modules threw, in the words of Go's, which users search for and clients match (`no such host`,
 * `connection refused`).
 */
export function connectionError(error: unknown, where: string, signal?: AbortSignal): SiloError {
  if (error instanceof SiloError) return error;
  if (signal?.aborted) return canceled(`${where}: context canceled`, { cause: error });
  const { code = '', message, address = '', port = '', hostname = '' } = networkFields(error);
  const cause = { cause: error };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return unavailable(
      `${where}: dial tcp: lookup ${hostname}: ${code === 'ENOTFOUND' ? 'no such host' : 'temporary failure in name resolution'}`,
      {
        ...cause,
        code: 'no-such-host',
        hint: 'check the name of the registry and the DNS settings of this machine',
      },
    );
  if (code === 'ECONNREFUSED')
    return unavailable(`${where}: dial tcp ${address}:${port}: connect: connection refused`, {
      ...cause,
      code: 'connection-refused',
      hint: 'check the address, and that the registry is running',
    });
  // What the server says of us, in the words of Go's crypto/tls.
  const alert = /ALERT_(.*CERTIFICATE.*|UNKNOWN_CA|ACCESS_DENIED)$/.exec(code)?.[1];
  if (alert !== undefined)
    return unavailable(`${where}: remote error: tls: ${alert.toLowerCase().replaceAll('_', ' ')}`, {
      ...cause,
      code: 'client-certificate',
      hint: 'the registry wants a certificate of this machine: put it into /etc/silo/certs.d/HOST[:PORT]/client.cert, its key beside it into client.key',
    });
  if (/CERT|SIGNATURE|SELF_SIGNED/.test(code))
    return unavailable(`${where}: tls: failed to verify certificate: ${message}`, {
      ...cause,
      code: 'bad-certificate',
      hint: "put the registry's certificate authority into /etc/silo/certs.d/HOST[:PORT]/ca.crt, or list the registry as insecure if you must",
    });
  if (code.startsWith('HPE_'))
    return unavailable(`${where}: malformed HTTP response: ${message}`, { ...cause, code: 'not-http' });
  return unavailable(`${where}: ${message}`, { ...cause, code: 'connection-lost' });
}

function networkFields(error: unknown): {
  code?: string;
  message: string;
  address?: string;
  port?: string;
  hostname?: string;
} {
  if (!(error instanceof Error)) return { message: String(error) };
  const text = (key: string): Record<string, string> =>
    key in error ? { [key]: String((error as unknown as Record<string, unknown>)[key]) } : {};
  return {
    message: error.message,
    ...text('code'),
    ...text('address'),
    ...text('port'),
    ...text('hostname'),
  };
}

export interface FailedReply {
  status: number;
  /** The beginning of the body. */
  text: string;
  contentType: string | undefined;
  challenge: string | undefined;
  retryAfter: string | undefined;
}

/** Translates a reply that is no success, with the registry's own words and Docker's sentences around them. */
export function replyError(reply: FailedReply, reference: Reference, where: string): SiloError {
  const said = scopeError(reply) ?? registryError(reply);
  switch (said?.code) {
    case 'DENIED':
      return accessDenied(reference, said);
    case 'MANIFEST_UNKNOWN':
      return notFound(`manifest for ${familiarName(reference)} not found: ${format(said)}`, {
        code: 'manifest-unknown',
        hint: 'check the tag; the registry has the repository but not this version',
      });
    case 'NAME_UNKNOWN':
    case 'NAME_INVALID':
      return notFound(`repository ${familiarRepository(reference)} not found: ${format(said)}`, {
        code: 'repository-unknown',
        hint: 'check the name of the repository',
      });
    case 'BLOB_UNKNOWN':
      return notFound(`${where}: ${format(said)}`, { code: 'blob-unknown' });
    case undefined:
    default:
      return statusError(reply, said, { reference, where });
  }
}

function statusError(
  reply: FailedReply,
  said: RegistryError | undefined,
  { reference, where }: { reference: Reference; where: string },
): SiloError {
  const { status } = reply;
  const words = said ? format(said) : `received unexpected HTTP status: ${status}${excerpt(reply)}`;
  if (status === 401)
    return unauthorized(said ? format(said) : 'unauthorized: authentication required', {
      hint: loginHint(reference),
    });
  if (status === 403)
    return forbidden(`${where}: ${words}`, { hint: `the registry refuses this; ${loginHint(reference)}` });
  if (status === 404) return notFound(`${where}: ${words}`);
  if (status === 429)
    return unavailable(
      said ? format(said) : `toomanyrequests: ${where} was refused because of too many requests`,
      {
        code: 'too-many-requests',
        hint: `wait ${reply.retryAfter ? `(the registry says ${reply.retryAfter.slice(0, 40)}) ` : ''}or log in: registries give more to known users`,
      },
    );
  if (status >= 500)
    return unavailable(`${where}: ${words}`, {
      code: 'registry-failure',
      hint: 'the registry is in trouble; try later',
    });
  if (status >= 300 && status < 400)
    return unavailable(`${where}: redirect without a usable target`, { code: 'bad-redirect' });
  return status >= 400 ? invalid(`${where}: ${words}`) : internal(`${where}: ${words}`);
}

/** Docker's sentence, on whose beginning clients match. */
function accessDenied(reference: Reference, said: RegistryError): SiloError {
  return notFound(
    `pull access denied for ${familiarRepository(reference)}, repository does not exist or may require 'docker login': ${format(said)}`,
    { code: 'access-denied', hint: `check the name, or ${loginHint(reference)}` },
  );
}

export function noCredentials(reference: Reference, where: string): SiloError {
  return unauthorized(`${where}: no basic auth credentials`, {
    code: 'no-credentials',
    hint: loginHint(reference),
  });
}

/** A server that is no registry answers with a page for people. */
export function notARegistry(where: string): SiloError {
  return unavailable(`${where}: the server answered with a web page, not with registry data`, {
    code: 'not-a-registry',
    hint: 'check the address: a proxy, a login page or a web server may stand where the registry should',
  });
}

export function sizeMismatch(where: string, got: number | string, expected: number): SiloError {
  return corrupt(`${where}: the server sent ${got} bytes, the manifest says ${expected}`, {
    code: 'size-mismatch',
  });
}

export function isHtml(contentType: string | undefined): boolean {
  return /^\s*(text\/html|application\/xhtml)/i.test(contentType ?? '');
}

function loginHint(reference: Reference): string {
  return `log in with \`docker login${reference.host === 'docker.io' ? '' : ` ${reference.host}`}\``;
}

/** Bearer challenges carry a reason of their own. RFC 6750 section 3.1. */
function scopeError({ status, challenge }: FailedReply): RegistryError | undefined {
  if (status < 400 || status >= 500 || challenge === undefined) return undefined;
  const bearer = parseChallenges(challenge).find(({ scheme }) => scheme === 'bearer');
  if (bearer?.parameters['error'] !== 'insufficient_scope') return undefined;
  return {
    code: 'DENIED',
    message: bearer.parameters['error_description'] ?? 'requested access to the resource is denied',
  };
}

function registryError({ text }: FailedReply): RegistryError | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof body !== 'object' || body === null) return undefined;
  const errors = 'errors' in body && Array.isArray(body.errors) ? (body.errors as unknown[]) : [];
  const first = errors[0];
  if (typeof first === 'object' && first !== null && 'code' in first && typeof first.code === 'string') {
    const message = 'message' in first && typeof first.message === 'string' ? first.message : '';
    return { code: first.code.slice(0, 100), message: message.slice(0, 1000) };
  }
  // Token servers answer `{"details": "…"}` or `{"message": "…"}`.
  for (const key of ['details', 'message', 'error_description'] as const) {
    const value = (body as Record<string, unknown>)[key];
    if (typeof value === 'string') return { code: 'UNKNOWN', message: value.slice(0, 1000) };
  }
  return undefined;
}

function format({ code, message }: RegistryError): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return `${words}: ${message === '' ? words : message}`;
}

function excerpt({ text, contentType }: FailedReply): string {
  if (isHtml(contentType)) return ' (a web page)';
  const line = text.trim().split('\n', 1)[0]?.slice(0, 200) ?? '';
  return line === '' ? '' : `: ${line}`;
}
