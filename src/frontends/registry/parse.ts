import { invalid, toSiloError } from '../../foundation/base/errors.ts';
import { type Digest, parseDigest } from '../../foundation/oci/digest.ts';
import { isTag } from '../../foundation/oci/reference.ts';
import type { ManifestReference } from '../../engine/registry/registry.ts';

/** A malformed digest by the specification's code. */
export function asDigestError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw invalid(toSiloError(error).message, { code: 'digest-invalid', cause: error });
  }
}

export const readDigest = (text: string): Digest => asDigestError(() => parseDigest(text));

/** A tag never contains a colon, a digest always does. Undefined: neither, so nothing can have this name. */
export function findReference(text: string): ManifestReference | undefined {
  if (text.includes(':')) return { kind: 'digest', digest: readDigest(text) };
  return isTag(text) ? { kind: 'tag', tag: text } : undefined;
}
