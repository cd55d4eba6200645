import type { ImageRecord, ManifestInfo } from '../../../engine/image/image.ts';
import type { Engine } from '../../../engine/host/engine.ts';
import type { DescriptorJson, ImageManifestJson } from '../../../foundation/wire/docker/image.ts';
import { isKind } from '../../../foundation/base/errors.ts';

export type ManifestEngine = {
  images: Pick<Engine['images'], 'descriptor' | 'manifests'>;
  containers: Pick<Engine['containers'], 'list'>;
};

/** What an image's name means and, when asked for, what is in it. */
export interface ManifestFields {
  Descriptor?: DescriptorJson;
  Manifests?: ImageManifestJson[];
}

export async function manifestFields(
  engine: ManifestEngine,
  image: ImageRecord,
  { descriptor, manifests }: { descriptor: boolean; manifests: boolean },
): Promise<ManifestFields> {
  try {
    const idsOf = (image: string): string[] =>
      engine.containers.list().flatMap(({ id, imageId }) => (imageId === image ? [id] : []));
    return {
      ...(descriptor ? { Descriptor: await engine.images.descriptor(image.id) } : {}),
      ...(manifests
        ? { Manifests: (await engine.images.manifests(image.id)).map((info) => toManifest(info, idsOf)) }
        : {}),
    };
  } catch (error) {
    // Removed meanwhile, or damaged: the rest is told all the same.
    if (isKind(error, 'not-found') || isKind(error, 'internal') || isKind(error, 'corrupt')) return {};
    throw error;
  }
}

function toManifest(
  { descriptor, isAvailable, contentBytes, kind }: ManifestInfo,
  containersOf: (image: string) => string[],
): ImageManifestJson {
  const unpacked = kind.is === 'image' ? kind.unpackedBytes : 0;
  return {
    ID: descriptor.digest,
    Descriptor: descriptor,
    Available: isAvailable,
    Size: { Content: contentBytes, Total: contentBytes + unpacked },
    Kind: kind.is,
    ...(kind.is === 'image'
      ? {
          ImageData: {
            Platform: kind.platform,
            Containers: kind.image === undefined ? [] : containersOf(kind.image),
            Size: { Unpacked: unpacked },
          },
        }
      : {}),
    ...(kind.is === 'attestation' ? { AttestationData: { For: kind.of } } : {}),
  };
}
