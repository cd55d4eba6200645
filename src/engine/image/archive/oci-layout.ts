import { invalid } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import {
  type Manifest,
  type ManifestDocument,
  manifestLimits,
  parseIndex,
  parseManifestDocument,
} from '../../../foundation/oci/manifest.ts';
import { layerType, mediaTypes } from '../../../foundation/oci/media-types.ts';
import type { Reference } from '../../../foundation/oci/reference.ts';
import type { Context } from '../context.ts';
import { identify, isImage } from '../form.ts';
import { walkIndex } from '../names/index-tree.ts';
import type { Lease } from '../lease.ts';
import type { CheckedImage } from '../pull/publish.ts';
import { groupPlatforms, type ReadEntry } from '../pull/pull-documents.ts';
import { configLimitBytes } from '../small-blobs.ts';
import { type ArchivedImages, parseName } from './archived-image.ts';

/** What an OCI image layout's `index.json` lists: for each entry its image, or those of its platforms that are there. OCI image spec, image-layout.md. */
export async function layoutImages(
  context: Context,
  lease: Lease,
  document: Uint8Array,
): Promise<ArchivedImages[]> {
  const index = parseIndex(document, mediaTypes.ociIndex);
  const found: ArchivedImages[] = [];
  for (const entry of index.manifests) found.push(await readEntry(context, lease, entry));
  return found;
}

async function readEntry(context: Context, lease: Lease, entry: Descriptor): Promise<ArchivedImages> {
  const references = namesOf(entry);
  const document = await readDocument(context, lease, entry);
  if (document.kind === 'manifest') {
    const image = await readManifestImage(context, lease, entry.digest, document.manifest);
    return { images: [image], target: entry.digest, references };
  }
  const tree = await walkIndex(document.index, async (descriptor) =>
    (await context.content.find(descriptor.digest)) ? readDocument(context, lease, descriptor) : undefined,
  );
  const read: ReadEntry[] = [];
  for (const each of tree.manifests) {
    const { descriptor } = each;
    if (!(await context.content.find(descriptor.digest))) continue;
    const child = await readDocument(context, lease, descriptor);
    if (child.kind === 'manifest' && (await hasParts(context, child.manifest)))
      read.push({
        ...each,
        image: await readManifestImage(context, lease, descriptor.digest, child.manifest),
      });
  }
  const above = [entry.digest, ...tree.indexes.map(({ digest }) => digest)];
  const [first, ...others] = groupPlatforms(read).map((image) => ({ ...image, above }));
  if (!first)
    throw invalid(`the archive has none of the images that its index ${entry.digest} names`, {
      code: 'archive-incomplete',
      hint: 'save the image again, with a platform that is there',
    });
  return { images: [first, ...others], target: entry.digest, references };
}

async function readDocument(
  context: Context,
  lease: Lease,
  { digest, mediaType }: Descriptor,
): Promise<ManifestDocument> {
  await lease.hold(digest);
  return parseManifestDocument(
    await context.content.readSmall(digest, manifestLimits.documentBytes),
    mediaType,
  );
}

async function readManifestImage(
  context: Context,
  lease: Lease,
  digest: Digest,
  manifest: Manifest,
): Promise<CheckedImage> {
  let bytes: Uint8Array = new Uint8Array();
  if (isImage(manifest)) {
    await lease.hold(manifest.config.digest);
    bytes = await context.content.readSmall(manifest.config.digest, configLimitBytes);
  }
  return { ...identify(manifest, digest, bytes), manifest, manifestDigest: digest };
}

/** An index may be saved with some of its platforms only. */
async function hasParts({ content }: Context, { config, layers }: Manifest): Promise<boolean> {
  for (const { digest, mediaType } of [config, ...layers])
    if (!layerType(mediaType)?.foreign && !(await content.find(digest))) return false;
  return true;
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
