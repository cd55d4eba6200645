import { internal } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest, ImageId } from '../../../foundation/oci/digest.ts';
import type { Manifest } from '../../../foundation/oci/manifest.ts';
import type { Context } from '../context.ts';
import { descriptorOf } from '../records/documents.ts';
import type { ImageRecord, ManifestInfo } from '../image.ts';
import { walkIndex } from './index-tree.ts';
import { platformOf } from './resolve.ts';
import { noSuchImage } from '../texts.ts';

/** What the image's first name means: an index or a manifest. */
export async function describeImage(context: Context, id: ImageId): Promise<Descriptor> {
  const { image, target } = meaningOf(context, id);
  const read = await context.documents.recall(target);
  if (read) return descriptorOf(read);
  const own = await context.documents.recall(image.manifestDigest);
  if (!own) throw internal(`the manifest of image ${id} is missing`, { code: 'missing-blob' });
  return descriptorOf(own);
}

/** The entries of the index that the image's first name means, or its one manifest. */
export async function listManifests(context: Context, id: ImageId): Promise<ManifestInfo[]> {
  const { image, target } = meaningOf(context, id);
  const { documents } = context;
  const read = await documents.find(target);
  if (!read) return [];
  if (read.document.kind === 'manifest')
    return [await manifestInfo(context, { ...descriptorOf(read) }, image)];
  const tree = await walkIndex(
    read.document.index,
    async ({ digest }) => (await documents.find(digest))?.document,
  );
  const infos: ManifestInfo[] = [];
  for (const { descriptor, isAttestation, attests } of tree.manifests) {
    const [owner] = context.store.withBlob(descriptor.digest);
    const info = await manifestInfo(context, descriptor, owner);
    infos.push(isAttestation ? { ...info, kind: { is: 'attestation', of: attests ?? '' } } : info);
  }
  return infos;
}

function meaningOf({ store }: Context, id: ImageId): { image: ImageRecord; target: Digest } {
  const image = store.find(id);
  if (!image) throw noSuchImage(id);
  const [name = image.variantOf[0]] = image.tags;
  const target = (name === undefined ? undefined : store.findName(name)?.target) ?? image.manifestDigest;
  return { image, target };
}

async function manifestInfo(
  context: Context,
  descriptor: Descriptor,
  owner: ImageRecord | undefined,
): Promise<ManifestInfo> {
  const read = await context.documents.find(descriptor.digest);
  const manifest = read?.document.kind === 'manifest' ? read.document.manifest : undefined;
  const { bytes, isWhole } = await sizeOf(context, descriptor, manifest);
  const platform = descriptor.platform ?? (owner && platformOf(owner));
  return {
    descriptor,
    isAvailable: manifest !== undefined && isWhole,
    contentBytes: bytes,
    kind:
      platform === undefined || owner?.form === 'artifact'
        ? { is: 'unknown' }
        : {
            is: 'image',
            platform,
            ...(owner ? { image: owner.id } : {}),
            unpackedBytes: owner?.form === 'unpacked' ? owner.sizeBytes : 0,
          },
  };
}

/** What is here of the manifest and its parts. */
async function sizeOf(
  { content }: Context,
  descriptor: Descriptor,
  manifest: Manifest | undefined,
): Promise<{ bytes: number; isWhole: boolean }> {
  if (!manifest) return { bytes: 0, isWhole: false };
  let bytes = descriptor.size;
  let isWhole = true;
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    const there = await content.find(digest);
    bytes += there?.sizeBytes ?? 0;
    isWhole &&= there !== undefined;
  }
  return { bytes, isWhole };
}
