import { type SiloError, corrupt, toSiloError, unavailable } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import type { UploadOptions } from './distribution.ts';
import { type Exchange, redirectTarget } from './exchange.ts';
import { type RetryPolicy, backOffMs, pause, retryAfterMs } from './retry.ts';
import type { HttpReply } from './transport.ts';

export interface BlobUpload extends UploadOptions {
  reference: Reference;
  descriptor: Descriptor;
  retry: RetryPolicy;
}

/** Blobs up to this size go in one request; larger ones in pieces, so that a registry can confirm what it has. */
const pieceBytes = 64 * 1024 * 1024;
/** Less than this between two breaks counts as no progress. */
const progressBytes = 1024 * 1024;

/** An upload that the registry keeps for us. OCI distribution specification, "Push". */
interface Session {
  location: URL;
  /** Bytes that it has. */
  offset: number;
  pieceBytes: number;
}

type Reply = HttpReply & { where: string; url: URL };

/**
 * Mount, else one PUT, or PATCHes and a closing PUT. After a lost connection or an overloaded server the registry is asked how far it
 * is; a session that it has forgotten begins again.
 */
export async function uploadBlob(exchange: Exchange, upload: BlobUpload): Promise<'uploaded' | 'mounted'> {
  const { retry, signal } = upload;
  let session: Session | 'mounted' = await begin(exchange, upload, upload.mountFrom);
  if (session === 'mounted') return 'mounted';
  let failures = 0;
  for (;;) {
    const before = session.offset;
    try {
      await send(exchange, upload, session);
      faultPoint('distribution.upload.sent');
      return 'uploaded';
    } catch (error) {
      const failure = toSiloError(error);
      const lost = isForgotten(failure);
      if (!lost && !isResumable(failure)) throw failure;
      failures = session.offset - before >= progressBytes ? 1 : failures + 1;
      if (failures >= retry.attempts) throw failure;
      await pause(Math.max(backOffMs(failures, retry), waitOf(failure, retry)), signal);
      session = lost ? await restart(exchange, upload) : await resume(exchange, upload, session);
    }
  }
}

async function begin(
  exchange: Exchange,
  { reference, descriptor, signal }: BlobUpload,
  mountFrom: string | undefined,
): Promise<Session | 'mounted'> {
  const query = new URLSearchParams(
    mountFrom === undefined ? {} : { mount: descriptor.digest, from: mountFrom },
  );
  const reply = await exchange({
    reference,
    method: 'POST',
    path: `${reference.path}/blobs/uploads/${mountFrom === undefined ? '' : `?${query.toString()}`}`,
    headers: { 'content-length': '0', 'accept-encoding': 'identity' },
    accepted: mountFrom === undefined ? [202] : [201, 202],
    signal,
  });
  reply.discard();
  if (reply.status === 201) {
    requireDigest(reply, descriptor);
    return 'mounted';
  }
  const minimum = Number(reply.headers['oci-chunk-min-length'] ?? 0);
  return {
    location: locationOf(reply),
    offset: 0,
    pieceBytes: Math.max(pieceBytes, Number.isSafeInteger(minimum) ? minimum : 0),
  };
}

async function restart(exchange: Exchange, upload: BlobUpload): Promise<Session> {
  const session = await begin(exchange, upload, undefined);
  if (session === 'mounted') throw unavailable('the registry mounted what it was not asked to mount');
  return session;
}

/** Sends what is missing; `session` advances with each piece that the registry confirmed. */
async function send(exchange: Exchange, upload: BlobUpload, session: Session): Promise<void> {
  const { reference, descriptor, signal } = upload;
  while (descriptor.size - session.offset > session.pieceBytes)
    await sendPiece(exchange, upload, session, session.offset + session.pieceBytes);
  const start = session.offset;
  const location = new URL(session.location);
  location.searchParams.set('digest', descriptor.digest);
  const reply = await exchange({
    reference,
    method: 'PUT',
    path: location,
    ...bodyOf(upload, start, descriptor.size),
    accepted: [200, 201, 204],
    once: true,
    signal,
  });
  reply.discard();
  requireDigest(reply, descriptor);
}

async function sendPiece(
  exchange: Exchange,
  upload: BlobUpload,
  session: Session,
  end: number,
): Promise<void> {
  const { reference, signal } = upload;
  const reply = await exchange({
    reference,
    method: 'PATCH',
    path: session.location,
    ...bodyOf(upload, session.offset, end),
    accepted: [200, 202, 204],
    once: true,
    signal,
  });
  reply.discard();
  session.offset = confirmed(reply, end) ?? end;
  session.location = locationOf(reply);
}

function bodyOf(
  { open, onProgress }: BlobUpload,
  start: number,
  end: number,
): { headers: Record<string, string>; body: () => AsyncIterable<Uint8Array> } {
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(end - start),
      // Not that of RFC 9110: `start-end`, both inclusive, without unit and length.
      ...(end > start && start > 0 ? { 'content-range': `${start}-${end - 1}` } : {}),
      'accept-encoding': 'identity',
    },
    async *body() {
      let sent = start;
      if (end === start) return;
      for await (const chunk of open({ start, end })) {
        yield chunk;
        sent += chunk.byteLength;
        onProgress?.(sent);
      }
    },
  };
}

/** Asks how far the upload is. A registry that does not know any more, or says what cannot be, starts over. */
async function resume(exchange: Exchange, upload: BlobUpload, session: Session): Promise<Session> {
  const { reference, descriptor, signal } = upload;
  try {
    const reply = await exchange({
      reference,
      path: session.location,
      headers: { 'accept-encoding': 'identity' },
      accepted: [200, 202, 204],
      signal,
    });
    reply.discard();
    const offset = confirmed(reply, descriptor.size);
    if (offset === undefined) return await restart(exchange, upload);
    return { ...session, offset, location: reply.headers.location ? locationOf(reply) : session.location };
  } catch (error) {
    if (!isForgotten(toSiloError(error))) throw error;
    return restart(exchange, upload);
  }
}

/** `Range: 0-N`: N + 1 bytes are there, which distribution also says of none (`0-0`). */
function confirmed(reply: Reply, most: number): number | undefined {
  const end = /^(?:bytes=)?0-(\d{1,15})$/.exec(reply.headers['range'] ?? '')?.[1];
  if (end === undefined) return undefined;
  const bytes = end === '0' ? 0 : Number(end) + 1;
  return bytes <= most ? bytes : undefined;
}

function locationOf(reply: Reply): URL {
  const { location } = reply.headers;
  if (location === undefined)
    throw unavailable(`${reply.where}: the registry did not say where to send the blob`, {
      code: 'no-location',
      hint: 'it may be no registry, or a proxy removes its headers',
    });
  return redirectTarget(reply.url, location);
}

function requireDigest(reply: Reply, descriptor: Descriptor): void {
  const said = reply.headers['docker-content-digest'];
  if (typeof said !== 'string' || said === descriptor.digest) return;
  throw corrupt(`${reply.where}: the registry stored ${said.slice(0, 150)} instead of ${descriptor.digest}`, {
    code: 'digest-mismatch',
    hint: 'see with `silo fsck --images` whether the blob is sound here; otherwise the registry is at fault',
  });
}

const resumable = [
  'connection-lost',
  'connection-stalled',
  'connection-refused',
  'no-answer',
  'registry-failure',
  'too-many-requests',
];

function isResumable({ code }: SiloError): boolean {
  return resumable.includes(code);
}

/** The session is gone, or its state is not what we believe. */
function isForgotten(error: SiloError): boolean {
  return error.kind === 'not-found' || /blob upload (unknown|invalid)|range invalid/.test(error.message);
}

function waitOf(error: SiloError, retry: RetryPolicy): number {
  const asked = retryAfterMs(/the registry says (\S+)\)/.exec(error.hint ?? '')?.[1], Date.now()) ?? 0;
  return Math.min(asked, retry.maximumWaitMs);
}
