import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import {
  manifestLimits,
  parseIndex,
  parseManifestDocument,
  requireImageManifest,
} from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import { choosePlatform, hostPlatform } from '../../../foundation/oci/platform.ts';
import { invalid } from '../../../foundation/base/errors.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';
import type { Context } from '../context.ts';
import { type ArchivedImage, parseName } from './archived-image.ts';

const maximumIndexes = 3;

/** The images of an OCI image layout's `index.json`: one for each entry, of several platforms the host's. OCI image spec, image-layout.md. */
export async function layoutImages(context: Context, document: Uint8Array): Promise<ArchivedImage[]> {
  const index = parseIndex(document, mediaTypes.ociIndex);
  const images: ArchivedImage[] = [];
  for (const entry of index.manifests) images.push(await readImage(context, entry, namesOf(entry)));
  return images;
}

async function readImage(
  context: Context,
  descriptor: Descriptor,
  references: Reference[],
): Promise<ArchivedImage> {
  const above: Digest[] = [];
  let current = descriptor;
  for (;;) {
    const bytes = await context.content.readSmall(current.digest, manifestLimits.documentBytes);
    const document = parseManifestDocument(bytes, current.mediaType);
    if (document.kind === 'manifest') {
      const { manifest } = document;
      requireImageManifest(manifest);
      return {
        config: manifest.config.digest,
        manifest: current.digest,
        layers: manifest.layers,
        above,
        references,
      };
    }
    above.push(current.digest);
    if (above.length > maximumIndexes)
      throw invalid(`the archive's indexes are nested deeper than ${maximumIndexes}`, {
        code: 'nested-index',
      });
    current = choosePlatform(document.index, hostPlatform());
  }
}

/**
 * containerd writes the whole name in an annotation of its own; the standard one may hold a whole name or a tag alone, which names nothing
 * here. OCI image spec, annotations.md.
 */
function namesOf(entry: Descriptor): Reference[] {
  const whole = entry.annotations?.['io.containerd.image.name'];
  const standard = entry.annotations?.['org.opencontainers.image.ref.name'];
  if (whole !== undefined) return [parseName(whole)];
  return standard !== undefined && /[/:]/.test(standard) ? [parseName(standard)] : [];
}
