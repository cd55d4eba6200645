import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import { manifestLimits } from '../../../foundation/oci/manifest.ts';
import { isManifestType } from '../../../foundation/oci/media-types.ts';
import type { FetchedManifest } from '../../../resources/distribution/distribution.ts';
import type { Context } from '../context.ts';
import { descriptorOf } from '../records/documents.ts';
import type { ImageRecord } from '../image.ts';
import { walkIndex } from '../names/index-tree.ts';
import type { Lease } from '../lease.ts';
import { type OutgoingImage, outgoingManifest, readManifest } from './outgoing.ts';

/** An index on its way out, with what is here of it. */
export interface OutgoingIndex {
  descriptor: Descriptor;
  root: FetchedManifest;
  /** Indexes in it, parents first. */
  nested: FetchedManifest[];
  /** The manifests that are here, each with the image that it belongs to. */
  manifests: OutgoingImage[];
  /** The name's own first. */
  images: ImageRecord[];
  /** All manifests that it names are here. */
  isWhole: boolean;
}

/** Holds everything that is here of the index that a name means, until the lease ends. Undefined when it is no index, or not here. */
export async function holdIndex(
  context: Context,
  lease: Lease,
  own: ImageRecord,
  target: Digest,
): Promise<OutgoingIndex | undefined> {
  const { content, documents, store } = context;
  await lease.hold(target);
  for (const { id } of store.withBlob(target))
    for (const digest of store.blobsOf(id)) await lease.hold(digest);
  const read = await documents.find(target);
  if (read?.document.kind !== 'index') return undefined;
  const tree = await walkIndex(
    read.document.index,
    async ({ digest }) => (await documents.find(digest))?.document,
  );
  const bytesOf = async ({
    digest,
    mediaType,
  }: Pick<Descriptor, 'digest' | 'mediaType'>): Promise<FetchedManifest> => ({
    digest,
    mediaType,
    bytes: await content.readSmall(digest, manifestLimits.documentBytes),
  });
  const manifests: OutgoingImage[] = [];
  let isWhole = !tree.isCut;
  for (const { descriptor } of tree.manifests) {
    const [owner] = store.withBlob(descriptor.digest);
    const isHere =
      owner &&
      isManifestType(descriptor.mediaType) &&
      (await documents.find(descriptor.digest)) !== undefined;
    if (!isHere) {
      isWhole = false;
      continue;
    }
    const manifest = await readManifest(context, descriptor.digest);
    // An attestation that belongs to the image has no diff ids.
    const diffIds = manifest.manifest.config.digest === owner.id ? owner.config.rootfs.diff_ids : [];
    manifests.push({ image: owner, ...outgoingManifest(manifest, diffIds) });
  }
  const nested: FetchedManifest[] = [];
  for (const index of tree.indexes) if (await content.find(index.digest)) nested.push(await bytesOf(index));
  return {
    descriptor: descriptorOf(read),
    root: await bytesOf(read),
    nested,
    manifests,
    images: [own, ...store.withBlob(target).filter(({ id }) => id !== own.id)],
    isWhole,
  };
}
