import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import { parseReference, type Reference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import type { CheckedImage } from '../pull/publish.ts';

/** What one entry of an archive describes: an image, or those of an index that are there, the one to run here first. */
export interface ArchivedImages {
  images: readonly [CheckedImage, ...CheckedImage[]];
  /** What the names mean: an index; the first image's manifest when absent. */
  target?: Digest;
  references: Reference[];
}

/** An image of an archive that has no manifests. Its layers may be here already. */
export interface PlainImage {
  config: Digest;
  /** Lowest first; a layer that the archive left out is known by its place only. */
  layers: (Descriptor | undefined)[];
}

/** A name with a tag. */
export function parseName(text: string): Reference {
  return withDefaultTag(parseReference(text));
}
