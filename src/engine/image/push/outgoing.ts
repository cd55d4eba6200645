import { isKind, notFound, type SiloError } from '../../../foundation/base/errors.ts';
import { shortId } from '../../../foundation/base/ids.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { DiffId, Digest } from '../../../foundation/oci/digest.ts';
import {
  type Manifest,
  manifestLimits,
  parseManifest,
  parseManifestDocument,
} from '../../../foundation/oci/manifest.ts';
import { isManifestType, layerType } from '../../../foundation/oci/media-types.ts';
import { familiarName, parseReference } from '../../../foundation/oci/reference.ts';
import type { BlobInfo } from '../../../resources/content/content.ts';
import type { RegistryCredentials } from '../../../resources/distribution/distribution.ts';
import type { Context } from '../context.ts';
import { bringBlob } from '../pull/bring-blob.ts';
import type { ImageRecord } from '../image.ts';
import type { Lease } from '../lease.ts';
import { registryAccess } from '../remote/registry-access.ts';
import { noSuchImage } from '../texts.ts';

/** An image on its way out. */
export interface OutgoingImage extends OutgoingManifest {
  image: ImageRecord;
}

/** The very bytes that came in, or that a commit made. */
export interface OutgoingManifest {
  bytes: Uint8Array;
  /** Of `bytes`. */
  digest: Digest;
  manifest: Manifest;
  layers: OutgoingLayer[];
}

export interface OutgoingLayer {
  descriptor: Descriptor;
  diffId: DiffId;
  /** Not to be copied between registries; its bytes are elsewhere. */
  isForeign: boolean;
}

/**
 * Reads the manifest and holds everything of the image until the lease ends. One image may have come with several manifests (layers compressed in
 * other ways): `meant` is what the name pointed at, an index or a manifest.
 */
export async function holdOutgoing(
  context: Context,
  lease: Lease,
  found: ImageRecord,
  meant?: Digest,
): Promise<OutgoingImage> {
  for (const digest of context.store.blobsOf(found.id)) await lease.hold(digest);
  // It could go while a removal was waited for.
  const image = context.store.find(found.id);
  if (!image) throw noSuchImage(found.id);
  const own = await readManifest(context, image.manifestDigest);
  const { bytes, digest, manifest } =
    // Many artifacts have the same, empty configuration: only the manifest tells which.
    meant === undefined || meant === image.manifestDigest || image.form === 'artifact'
      ? own
      : ((await findMeant(context, meant, own.manifest)) ?? own);
  return { image, ...outgoingManifest({ bytes, digest, manifest }, image.config.rootfs.diff_ids) };
}

/** The parts of an artifact have no other digest than their own. */
export function outgoingManifest(
  { bytes, digest, manifest }: ReadManifest,
  diffIds: readonly DiffId[],
): OutgoingManifest {
  return {
    bytes,
    digest,
    manifest,
    layers: manifest.layers.map((descriptor, place) => ({
      descriptor,
      diffId: diffIds[place] ?? descriptor.digest,
      isForeign: layerType(descriptor.mediaType)?.foreign === true,
    })),
  };
}

export interface ReadManifest {
  bytes: Uint8Array;
  digest: Digest;
  manifest: Manifest;
}

export async function readManifest(context: Context, digest: Digest): Promise<ReadManifest> {
  const bytes = await context.content.readSmall(digest, manifestLimits.documentBytes);
  return { bytes, digest, manifest: parseManifest(bytes) };
}

/** The manifest of the same configuration that is this document, or stands in this index; only what is here counts. */
async function findMeant(context: Context, digest: Digest, own: Manifest): Promise<ReadManifest | undefined> {
  if (!(await context.content.find(digest))) return undefined;
  const bytes = await context.content.readSmall(digest, manifestLimits.documentBytes);
  const document = parseManifestDocument(bytes);
  if (document.kind === 'manifest')
    return document.manifest.config.digest === own.config.digest
      ? { bytes, digest, manifest: document.manifest }
      : undefined;
  for (const entry of document.index.manifests) {
    if (!isManifestType(entry.mediaType) || !(await context.content.find(entry.digest))) continue;
    const read = await readManifest(context, entry.digest);
    if (read.manifest.config.digest === own.config.digest) return read;
  }
  return undefined;
}

/**
 * The blob of the store. A layer that was here already, unpacked from other bytes, was never fetched: it is brought from where the image came from,
 * since another compression of the same files has another digest.
 */
export async function requireBlob(
  context: Context,
  lease: Lease,
  wish: {
    image: ImageRecord;
    descriptor: Descriptor;
    /** For this host only. */
    credentials?: { host: string; value: RegistryCredentials } | undefined;
    signal: AbortSignal;
  },
): Promise<BlobInfo> {
  const { image, descriptor, credentials, signal } = wish;
  await lease.hold(descriptor.digest);
  const there = await context.content.find(descriptor.digest);
  if (there?.sizeBytes === descriptor.size) return there;
  let failure: unknown;
  for (const name of image.digests) {
    const reference = parseReference(name);
    const own = credentials?.host === reference.host ? credentials.value : undefined;
    const client = context.registry(registryAccess(context, { credentials: own }));
    try {
      await bringBlob(context, { client, reference }, descriptor, { signal });
    } catch (error) {
      if (isKind(error, 'canceled')) throw error;
      failure ??= error;
      continue;
    }
    const brought = await context.content.find(descriptor.digest);
    if (brought) return brought;
  }
  throw layerAway(image, descriptor, failure);
}

function layerAway(image: ImageRecord, descriptor: Descriptor, cause: unknown): SiloError {
  const name = image.tags[0] === undefined ? shortId(image.id) : familiarName(parseReference(image.tags[0]));
  return notFound(
    `layer ${shortId(descriptor.digest)} of ${name} is here unpacked only: its original bytes are not in the store`,
    {
      code: 'layer-bytes-missing',
      cause,
      hint:
        image.digests.length === 0
          ? 'where it came from had left the layer out, or is no longer known; pull the image again, or load a whole archive of it'
          : 'the registry that it was pulled from does not give the layer (again); pull it where it still is, or build it anew',
    },
  );
}
