import { isKind } from '../../foundation/base/errors.ts';
import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../foundation/oci/digest.ts';
import { manifestLimits, parseIndex } from '../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../foundation/oci/media-types.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import { readBounded } from './bounded-body.ts';
import type { Exchange } from './exchange.ts';
import { nextQuery } from './list-tags.ts';

interface ReferrersRequest {
  reference: Reference;
  subject: Digest;
  bodyDeadlineMs: number;
  signal: AbortSignal | undefined;
}

/** The tag under which clients keep the list for registries that have none of their own. OCI distribution spec 1.1, "Referrers Tag Schema". */
export const referrersTag = (subject: Digest): string =>
  `${digestAlgorithm(subject)}-${digestHex(subject)}`.slice(0, 128);

/** More than that nobody signs; a registry without end is left. */
const limits = { entries: 10_000, pages: 20 } as const;

/** The manifests whose subject this one is, as the registry lists them, or else those under the tag for it. */
export async function listReferrers(exchange: Exchange, request: ReferrersRequest): Promise<Descriptor[]> {
  const { path } = request.reference;
  const listed = `${path}/referrers/${request.subject}`;
  const found = new Map<Digest, Descriptor>();
  let query = '';
  for (let page = 0; page < limits.pages && found.size < limits.entries; page++) {
    const answer = await getIndex(exchange, request, listed + query);
    if (answer === undefined && page === 0) {
      const tagged = await getIndex(exchange, request, `${path}/manifests/${referrersTag(request.subject)}`);
      return tagged?.entries ?? [];
    }
    const before = found.size;
    for (const entry of answer?.entries ?? [])
      if (found.size < limits.entries) found.set(entry.digest, entry);
    // A page that brings nothing leads nowhere, whatever it points at.
    if (answer?.next === undefined || found.size === before) break;
    query = answer.next;
  }
  return [...found.values()];
}

/** Undefined where there is no such thing. */
async function getIndex(
  exchange: Exchange,
  { reference, bodyDeadlineMs, signal }: ReferrersRequest,
  path: string,
): Promise<{ entries: Descriptor[]; next: string | undefined } | undefined> {
  try {
    const headers = { accept: mediaTypes.ociIndex, 'accept-encoding': 'identity' };
    const reply = await exchange({ reference, path, headers, accepted: [200], signal });
    const bounds = { limitBytes: manifestLimits.documentBytes, deadlineMs: bodyDeadlineMs };
    const { link } = reply.headers;
    const { manifests } = parseIndex(await readBounded(reply, { ...bounds, what: reply.where }));
    return { entries: manifests, next: typeof link === 'string' ? nextQuery(link) : undefined };
  } catch (error) {
    if (isKind(error, 'not-found') || isKind(error, 'unsupported')) return undefined;
    throw error;
  }
}
