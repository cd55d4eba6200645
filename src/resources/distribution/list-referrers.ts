import { isKind } from '../../foundation/base/errors.ts';
import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../foundation/oci/digest.ts';
import { manifestLimits, parseIndex } from '../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../foundation/oci/media-types.ts';
import type { Reference } from '../../foundation/oci/reference.ts';
import { readBounded } from './bounded-body.ts';
import type { Exchange } from './exchange.ts';

interface ReferrersRequest {
  reference: Reference;
  subject: Digest;
  bodyDeadlineMs: number;
  signal: AbortSignal | undefined;
}

/** The tag under which clients keep the list for registries that have none of their own. OCI distribution spec 1.1, "Referrers Tag Schema". */
export const referrersTag = (subject: Digest): string =>
  `${digestAlgorithm(subject)}-${digestHex(subject)}`.slice(0, 128);

/** The manifests whose subject this one is, as the registry lists them, or else those under the tag for it. One page of them. */
export async function listReferrers(exchange: Exchange, request: ReferrersRequest): Promise<Descriptor[]> {
  const { path } = request.reference;
  const listed = await getIndex(exchange, request, `${path}/referrers/${request.subject}`);
  if (listed) return listed;
  return (await getIndex(exchange, request, `${path}/manifests/${referrersTag(request.subject)}`)) ?? [];
}

/** Undefined where there is no such thing. */
async function getIndex(
  exchange: Exchange,
  { reference, bodyDeadlineMs, signal }: ReferrersRequest,
  path: string,
): Promise<Descriptor[] | undefined> {
  try {
    const headers = { accept: mediaTypes.ociIndex, 'accept-encoding': 'identity' };
    const reply = await exchange({ reference, path, headers, accepted: [200], signal });
    const limits = { limitBytes: manifestLimits.documentBytes, deadlineMs: bodyDeadlineMs };
    return parseIndex(await readBounded(reply, { ...limits, what: reply.where })).manifests;
  } catch (error) {
    if (isKind(error, 'not-found') || isKind(error, 'unsupported')) return undefined;
    throw error;
  }
}
