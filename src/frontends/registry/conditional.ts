import type { IncomingHttpHeaders } from 'node:http';
import type { Digest } from '../../foundation/oci/digest.ts';

/** RFC 9110, 8.8.3. Bytes of one digest never change. */
export const entityTag = (digest: Digest): string => `"${digest}"`;

/** RFC 9110, 13.1.2: whether the client has exactly this. */
export function hasAlready(headers: IncomingHttpHeaders, digest: Digest): boolean {
  const wanted = headers['if-none-match'];
  if (wanted === undefined) return false;
  const tags = wanted.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.some((tag) => tag === '*' || tag.replace(/^"(.*)"$/, '$1') === digest);
}
