import { createHash } from 'node:crypto';
import { SiloError, corrupt, invalid, isKind, unauthorized } from '../../foundation/base/errors.ts';
import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import {
  type Digest,
  digestAlgorithm,
  digestHex,
  isDigest,
  parseDigest,
} from '../../foundation/oci/digest.ts';
import { manifestLimits } from '../../foundation/oci/manifest.ts';
import { manifestAccept } from '../../foundation/oci/media-types.ts';
import { type Reference, withDefaultTag } from '../../foundation/oci/reference.ts';
import { createAuthorizer } from './authorization.ts';
import { readBounded } from './bounded-body.ts';
import type { FetchedManifest, OpenedBlob, RegistryAccess, RegistryClient } from './distribution.ts';
import { type Exchange, createExchange } from './exchange.ts';
import { searchRegistry } from './search.ts';
import { isHtml, notARegistry, sizeMismatch } from './registry-errors.ts';
import { type RetryPolicy, defaultRetry } from './retry.ts';
import { listReferrers } from './list-referrers.ts';
import { listTags } from './list-tags.ts';
import type { HttpReply, Transport } from './transport.ts';

export interface RegistryClientOptions {
  transport: Transport;
  access: RegistryAccess;
  retry?: RetryPolicy;
  /** For a whole manifest or token, however slowly it drips. */
  bodyDeadlineMs?: number;
  /** For the headers of each answer, when shorter than the transport's own. */
  answerMs?: number;
}

/** A client with its own tokens; make one per pull, over the engine's one transport. */
export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { transport, access } = options;
  const retry = options.retry ?? defaultRetry;
  const bodyDeadlineMs = options.bodyDeadlineMs ?? 60_000;
  const authorizer = createAuthorizer({ transport, access, retry, bodyDeadlineMs });
  const { answerMs } = options;
  const exchange = createExchange({ transport, access, authorizer, retry, bodyDeadlineMs, answerMs });
  return {
    async manifest(reference, signal) {
      const { tag, digest } = withDefaultTag(reference);
      return fetchManifest(exchange, {
        reference,
        name: digest ?? tag ?? 'latest',
        digest,
        bodyDeadlineMs,
        signal,
      });
    },
    async manifestBy(reference, descriptor, signal) {
      if (descriptor.size > manifestLimits.documentBytes)
        throw invalid(
          `manifest ${descriptor.digest} is ${descriptor.size} bytes long: more than the limit of ${manifestLimits.documentBytes}`,
        );
      const { digest, size } = descriptor;
      return fetchManifest(exchange, { reference, name: digest, digest, size, bodyDeadlineMs, signal });
    },
    blob: (reference, descriptor, { offset, signal }) =>
      openBlob(exchange, { reference, descriptor, offset, signal }),
    referrers: (reference, subject, signal) =>
      listReferrers(exchange, { reference, subject, bodyDeadlineMs, signal }),
    tags: (reference, signal) => listTags(exchange, { reference, signal, bodyDeadlineMs }),
    search: (host, query) => searchRegistry(exchange, host, { ...query, bodyDeadlineMs }),
    async check(host, signal) {
      await checkCredentials(exchange, host, signal);
      return authorizer.identityToken();
    },
  };
}

async function checkCredentials(
  exchange: Exchange,
  host: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    const reply = await exchange({
      reference: { host, path: '' },
      path: '',
      headers: { 'accept-encoding': 'identity' },
      accepted: [200],
      signal,
    });
    reply.discard();
    refuseDisguise(reply);
  } catch (error) {
    if (!isKind(error, 'unauthorized')) throw error;
    throw unauthorized(`login attempt to https://${host}/v2/ failed with status: 401 Unauthorized`, {
      code: 'wrong-credentials',
      cause: error,
    });
  }
}

interface ManifestRequest {
  reference: Reference;
  name: string;
  digest: Digest | undefined;
  size?: number;
  bodyDeadlineMs: number;
  signal: AbortSignal | undefined;
}

async function fetchManifest(exchange: Exchange, request: ManifestRequest): Promise<FetchedManifest> {
  const { reference, signal } = request;
  const reply = await exchange({
    reference,
    path: `${reference.path}/manifests/${request.name}`,
    headers: { accept: manifestAccept.join(', '), 'accept-encoding': 'identity' },
    accepted: [200],
    signal,
  });
  refuseDisguise(reply);
  const bytes = await readBounded(reply, {
    limitBytes: manifestLimits.documentBytes,
    deadlineMs: request.bodyDeadlineMs,
    what: `${reply.where}: the manifest`,
  });
  if (request.size !== undefined && request.size !== bytes.byteLength)
    throw sizeMismatch(reply.where, bytes.byteLength, request.size);
  const digest = checkedDigest(reply, bytes, request.digest);
  const [mediaType = ''] = (reply.headers['content-type'] ?? '').split(';');
  return { mediaType: mediaType.trim().toLowerCase(), digest, bytes };
}

/** The bytes must be what was asked for, and what the server says they are. */
function checkedDigest(
  reply: HttpReply & { where: string },
  bytes: Uint8Array,
  wanted: Digest | undefined,
): Digest {
  const header = reply.headers['docker-content-digest'];
  const claimed = typeof header === 'string' && isDigest(header) ? header : undefined;
  for (const expected of [wanted, claimed]) {
    if (expected === undefined) continue;
    const algorithm = digestAlgorithm(expected);
    const actual = createHash(algorithm).update(bytes).digest('hex');
    if (actual !== digestHex(expected))
      throw corrupt(`manifest verification failed for digest ${expected}: got ${algorithm}:${actual}`, {
        code: 'digest-mismatch',
        hint: 'the registry or something on the way changed the manifest; nothing was stored',
      });
  }
  return wanted ?? parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
}

interface BlobRequest {
  reference: Reference;
  descriptor: Descriptor;
  offset: number;
  signal: AbortSignal | undefined;
}

async function openBlob(exchange: Exchange, request: BlobRequest): Promise<OpenedBlob> {
  const { reference, descriptor, offset, signal } = request;
  const reply = await exchange({
    reference,
    path: `${reference.path}/blobs/${descriptor.digest}`,
    headers: {
      // A compressed transfer would make sizes and ranges meaningless.
      'accept-encoding': 'identity',
      ...(offset > 0 ? { range: `bytes=${offset}-` } : {}),
    },
    accepted: offset > 0 ? [200, 206, 416] : [200],
    signal,
  });
  if (reply.status === 416) {
    reply.discard();
    return openBlob(exchange, { ...request, offset: 0 });
  }
  refuseDisguise(reply);
  const startsAt = reply.status === 206 ? rangeStart(reply, descriptor, offset) : 0;
  const expected = descriptor.size - startsAt;
  const declared = reply.headers['content-length'];
  if (declared !== undefined && Number(declared) !== expected) {
    reply.discard();
    throw sizeMismatch(reply.where, declared, expected);
  }
  return { startsAt, body: exactly(reply, expected) };
}

function rangeStart(reply: HttpReply & { where: string }, descriptor: Descriptor, offset: number): number {
  const header = reply.headers['content-range'] ?? '';
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header);
  const [, start, end, total] = match ?? [];
  const fits =
    Number(start) === offset &&
    Number(end) === descriptor.size - 1 &&
    (total === '*' || Number(total) === descriptor.size);
  if (fits) return offset;
  reply.discard();
  throw corrupt(
    `${reply.where}: asked for bytes ${offset}-${descriptor.size - 1}, the server sent "${header.slice(0, 100)}"`,
    {
      code: 'bad-range',
    },
  );
}

/** Ends the stream at the declared size: an endless body costs one chunk more, a short one is an error. */
async function* exactly(reply: HttpReply & { where: string }, expected: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of reply.body) {
    size += chunk.byteLength;
    if (size > expected) throw sizeMismatch(reply.where, `more than ${expected}`, expected);
    yield chunk;
  }
  if (size < expected)
    throw new SiloError('unavailable', `${reply.where}: the body ended after ${size} of ${expected} bytes`, {
      code: 'connection-lost',
    });
}

function refuseDisguise(reply: HttpReply & { where: string }): void {
  const encoding = reply.headers['content-encoding'];
  if (isHtml(reply.headers['content-type'])) {
    reply.discard();
    throw notARegistry(reply.where);
  }
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    reply.discard();
    throw corrupt(
      `${reply.where}: the server encoded the content as "${encoding.slice(0, 50)}", which was not asked for`,
      {
        code: 'content-encoding',
        hint: 'a proxy on the way may compress; make it leave registry traffic alone',
      },
    );
  }
}
