import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Context } from '../context.ts';
import type { AssembleRequest, ImageSet } from './assembly.ts';
import type { Lease } from '../lease.ts';
import type { OutgoingImage } from '../push/outgoing.ts';
import type { OutgoingIndex } from '../push/outgoing-index.ts';
import { attestationEntry, storeAttestation } from './attestation.ts';
import { createImageSet, type Part } from './image-set.ts';
import { makeUnderLease } from './make-under-lease.ts';
import { familyOf, remakeManifest, storeDocument } from './remake.ts';

/** See `ImageAssembly`. */
export const assembleImages = (context: Context, request: AssembleRequest): Promise<ImageSet> =>
  makeUnderLease(context, 'an output', async (lease, letGo) => {
    const signal = request.signal ?? new AbortController().signal;
    const parts: Part[] = [];
    for (const wish of request.images) {
      const outgoing = await remakeManifest(context, lease, wish, { ...request, signal });
      const descriptor = descriptorOf(outgoing);
      const statements = (await wish.attest?.(descriptor)) ?? [];
      const attached =
        statements.length > 0
          ? [await storeAttestation(context, lease, { image: outgoing.image, statements })]
          : [];
      const { descriptorAnnotations: annotations = {}, platform } = wish;
      const entry = {
        ...descriptor,
        platform,
        ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      };
      parts.push({ outgoing, descriptor, entry, attached });
    }
    const index = await indexAbove(context, lease, parts, request.indexAnnotations ?? {});
    return createImageSet(context, lease, { parts, index, request, letGo });
  });

/** None when one manifest says it all. */
async function indexAbove(
  context: Context,
  lease: Lease,
  parts: readonly Part[],
  annotations: Readonly<Record<string, string>>,
): Promise<OutgoingIndex | undefined> {
  const hasAnnotations = Object.keys(annotations).length > 0;
  if (parts.length === 1 && !hasAnnotations && parts.every(({ attached }) => attached.length === 0))
    return undefined;
  const attached = parts.flatMap((part) => part.attached);
  const isDocker =
    attached.length === 0 &&
    !hasAnnotations &&
    parts.every(({ outgoing }) => familyOf(outgoing.manifest) === 'docker');
  const mediaType = isDocker ? mediaTypes.dockerIndex : mediaTypes.ociIndex;
  const { bytes, digest } = await storeDocument(context, lease, {
    schemaVersion: 2,
    mediaType,
    manifests: [
      ...parts.map(({ entry }) => entry),
      ...parts.flatMap((part) => part.attached.map((each) => attestationEntry(each, part.descriptor))),
    ],
    ...(hasAnnotations ? { annotations } : {}),
  });
  return {
    descriptor: { mediaType, digest, size: bytes.byteLength },
    root: { mediaType, digest, bytes },
    nested: [],
    manifests: [...parts.map(({ outgoing }) => outgoing), ...attached],
    images: parts.map(({ outgoing }) => outgoing.image),
    isWhole: true,
  };
}

const descriptorOf = ({ manifest, digest, bytes }: OutgoingImage): Descriptor => ({
  mediaType: manifest.mediaType,
  digest,
  size: bytes.byteLength,
});
