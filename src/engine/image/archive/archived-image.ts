import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import { parseReference, type Reference, withDefaultTag } from '../../../foundation/oci/reference.ts';

/** An image that an archive describes; its layers may be there already. */
export interface ArchivedImage {
  config: Digest;
  /** The image's own manifest; one is made for archives that have none. */
  manifest?: Digest;
  /** Lowest first; a layer that the archive left out is known by its place only. */
  layers: (Descriptor | undefined)[];
  /** Indexes above the manifest. */
  above: Digest[];
  references: Reference[];
}

/** A name with a tag. */
export function parseName(text: string): Reference {
  return withDefaultTag(parseReference(text));
}
