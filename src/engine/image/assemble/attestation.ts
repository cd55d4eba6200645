import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Manifest } from '../../../foundation/oci/manifest.ts';
import { mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Context } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import type { Statement } from './assembly.ts';
import type { Lease } from '../lease.ts';
import { type OutgoingImage, outgoingManifest } from '../push/outgoing.ts';
import { storeBytes, storeDocument } from './remake.ts';

const statementType = 'application/vnd.in-toto+json';

/** BuildKit's "attestation storage": a manifest with a layer for each statement, which looks like an image of no platform. */
export async function storeAttestation(
  context: Context,
  lease: Lease,
  { image, statements }: { image: ImageRecord; statements: readonly Statement[] },
): Promise<OutgoingImage> {
  const layers: Descriptor[] = [];
  for (const { predicateType, bytes } of statements) {
    const { digest } = await storeBytes(context, lease, bytes);
    layers.push({
      mediaType: statementType,
      digest,
      size: bytes.byteLength,
      annotations: { 'in-toto.io/predicate-type': predicateType },
    });
  }
  const config = await storeDocument(context, lease, {
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: config.digest, size: config.bytes.byteLength },
    layers,
  };
  const stored = await storeDocument(context, lease, manifest);
  return { image, ...outgoingManifest({ ...stored, manifest }, []) };
}

/** Its entry in the index. */
export const attestationEntry = ({ digest, bytes }: OutgoingImage, subject: Descriptor): Descriptor => ({
  mediaType: mediaTypes.ociManifest,
  digest,
  size: bytes.byteLength,
  annotations: {
    'vnd.docker.reference.digest': subject.digest,
    'vnd.docker.reference.type': 'attestation-manifest',
  },
  platform: { architecture: 'unknown', os: 'unknown' },
});
