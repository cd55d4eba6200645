import { parseJsonDocument } from '../../foundation/oci/bounded-json.ts';
import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import { type Digest, isDigest } from '../../foundation/oci/digest.ts';
import { manifestLimits } from '../../foundation/oci/manifest.ts';
import { manifestAccept, mediaTypes } from '../../foundation/oci/media-types.ts';
import { type Reference, isTag } from '../../foundation/oci/reference.ts';
import { corrupt } from '../../foundation/base/errors.ts';
import { createAuthorizer } from './authorization.ts';
import { readBounded } from './bounded-body.ts';
import { createExchange } from './exchange.ts';
import { listReferrers } from './list-referrers.ts';
import type { RegistryClientOptions } from './registry-client.ts';
import { defaultRetry } from './retry.ts';

/** What somebody who stands in for a registry asks it besides content. */
export interface UpstreamClient {
  /** The digest that a tag names now, by HEAD; undefined when the registry does not tell. */
  tagDigest(reference: Reference, signal?: AbortSignal): Promise<Digest | undefined>;
  /** Kind `not-found` when the repository has no such blob. */
  blobSize(reference: Reference, digest: Digest, signal?: AbortSignal): Promise<number>;
  tags(
    reference: Reference,
    page: { limit: number; after?: string },
    signal?: AbortSignal,
  ): Promise<string[]>;
  /** None where the registry does not know the question. */
  referrers(reference: Reference, subject: Digest, signal?: AbortSignal): Promise<Descriptor[]>;
}

const tagsLimitBytes = 4 * 1024 * 1024;

export function createUpstreamClient(options: RegistryClientOptions): UpstreamClient {
  const { transport, access, retry = defaultRetry, bodyDeadlineMs = 60_000 } = options;
  const authorizer = createAuthorizer({ transport, access, retry, bodyDeadlineMs });
  const exchange = createExchange({ transport, access, authorizer, retry, bodyDeadlineMs });
  const head = async (
    reference: Reference,
    query: { path: string; headers: Record<string, string>; signal: AbortSignal | undefined },
  ) => {
    const reply = await exchange({ ...query, reference, method: 'HEAD', accepted: [200] });
    reply.discard();
    return reply;
  };
  const get = async (reference: Reference, path: string, signal: AbortSignal | undefined) => {
    const headers = { accept: `application/json, ${mediaTypes.ociIndex}`, 'accept-encoding': 'identity' };
    const reply = await exchange({ reference, path, headers, accepted: [200], signal });
    const limitBytes = Math.max(tagsLimitBytes, manifestLimits.documentBytes);
    return readBounded(reply, { limitBytes, deadlineMs: bodyDeadlineMs, what: reply.where });
  };
  return {
    async tagDigest(reference, signal) {
      const path = `${reference.path}/manifests/${reference.tag ?? 'latest'}`;
      const headers = { accept: manifestAccept.join(', '), 'accept-encoding': 'identity' };
      const reply = await head(reference, { path, headers, signal });
      const digest = reply.headers['docker-content-digest'];
      return typeof digest === 'string' && isDigest(digest) ? digest : undefined;
    },
    async blobSize(reference, digest, signal) {
      const path = `${reference.path}/blobs/${digest}`;
      const reply = await head(reference, { path, headers: { 'accept-encoding': 'identity' }, signal });
      const size = Number(reply.headers['content-length'] ?? NaN);
      if (!Number.isSafeInteger(size) || size < 0 || size > manifestLimits.blobBytes)
        throw corrupt(`${reply.where}: the registry does not tell the size of the blob`);
      return size;
    },
    async tags(reference, { limit, after }, signal) {
      const query = new URLSearchParams({
        n: String(limit),
        ...(after === undefined ? {} : { last: after }),
      });
      const bytes = await get(reference, `${reference.path}/tags/list?${query.toString()}`, signal);
      const tags = parseJsonDocument(bytes, 'list of tags', tagsLimitBytes).strings('tags', 100_000) ?? [];
      return tags.filter(isTag);
    },
    referrers: (reference, subject, signal) =>
      listReferrers(exchange, { reference, subject, bodyDeadlineMs, signal }),
  };
}
