import { conflict } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import { formatPlatform, hostPlatform, platformMatches } from '../../../foundation/oci/platform.ts';
import {
  familiarName,
  formatReference,
  type Reference,
  repositoryName,
  withDefaultTag,
} from '../../../foundation/oci/reference.ts';
import { resolveImage } from '../../../resources/distribution/resolve-image.ts';
import { announcePull } from '../announce.ts';
import { bringBlob } from './bring-blob.ts';
import type { Context } from '../context.ts';
import { dropPacked } from './drop-packed.ts';
import { layersFrom } from './download.ts';
import type { PullRequest, PullResult } from '../transfers.ts';
import type { Lease } from '../lease.ts';
import { layerProgress } from './progress.ts';
import { type CheckedImage, completeImages, underLease } from './publish.ts';
import { keepDocument, type PullSource, readAll, readImage } from './pull-documents.ts';
import { findReferrers } from '../push/referrers.ts';
import { registryAccess } from '../remote/registry-access.ts';
import { canonicalName, platformOf } from '../names/resolve.ts';

/**
 * Name -> manifest (through an index, by platform) -> configuration -> layers -> name, each compared with its digest before the next is
 * believed. What a kill at any point leaves: blobs and layers that are whole, partial downloads that the next pull goes on with, and
 * the names as they were.
 */
export async function pullImage(context: Context, request: PullRequest): Promise<PullResult> {
  const reference = withDefaultTag(request.reference);
  const { signal, onProgress, credentials } = request;
  onProgress?.({ kind: 'resolving', reference: familiarName(reference) });
  const client = context.registry(registryAccess(context, { credentials }));
  const source: PullSource = { client, reference, signal };
  const result = await underLease(context, async (lease) => {
    const { images, digest } = await findImages(context, lease, source, request.platform);
    const names = {
      tags: reference.digest === undefined ? [formatReference(reference)] : [],
      digests: [canonicalName({ ...reference, digest })],
    };
    const changed = isNew(context, images, names);
    const record = await completeImages(context, lease, images, {
      signal,
      names: { ...names, target: digest },
      noteFor: (layer) => layerProgress(layer.blob, context.now, onProgress),
      bring: layersFrom(context, {
        client,
        reference,
        descriptors: images.flatMap(({ manifest }) => manifest.layers),
      }),
      keepsBlobs: request.platform === 'all',
      async bringContent(descriptor, { onNote, signal: stop }) {
        await bringBlob(context, source, descriptor, { signal: stop, onNote: ({ layer }) => onNote(layer) });
        onNote({ phase: 'complete' });
      },
    });
    announcePull(context, record, reference);
    return { image: record, digest, changed };
  });
  if (request.platform === 'all') await pullReferrers(context, request, source, result);
  // After the lease, which holds them. Who wants all platforms wants to give them on.
  if (context.settings.dropPackedLayers && request.platform !== 'all')
    await dropPacked(context, result.image);
  return result;
}

/** What is about the image, by digest and without a name. */
async function pullReferrers(
  context: Context,
  { credentials, signal }: PullRequest,
  { client, reference: { host, path } }: PullSource,
  { image, digest }: PullResult,
): Promise<void> {
  const images = [image, ...context.store.withBlob(digest)];
  const subjects = [...new Set([digest, ...images.map(({ manifestDigest }) => manifestDigest)])];
  for (const referrer of await findReferrers(client, { host, path }, subjects, signal))
    await pullImage(context, {
      reference: { host, path, digest: referrer.digest },
      ...(credentials ? { credentials } : {}),
      ...(signal ? { signal } : {}),
    });
}

interface Found {
  images: readonly [CheckedImage, ...CheckedImage[]];
  /** What the name means. */
  digest: CheckedImage['manifestDigest'];
}

async function findImages(
  context: Context,
  lease: Lease,
  source: PullSource,
  platform: PullRequest['platform'],
): Promise<Found> {
  if (platform === 'all') return readAll(context, lease, source);
  const { client, reference, signal } = source;
  const { documents, manifest, descriptor } = await resolveImage({
    client,
    reference,
    platform: platform ?? hostPlatform(),
    artifacts: true,
    signal,
  });
  for (const document of documents) await keepDocument(context, lease, document);
  faultPoint('image.pull.manifest-stored');
  const image = await readImage(context, lease, source, { manifest, digest: descriptor.digest });
  if (platform) requirePlatform(reference, platform, image);
  const above = documents.slice(0, -1).map((document) => document.digest);
  return { images: [{ ...image, above }], digest: documents[0].digest };
}

function isNew(
  { store }: Context,
  [first, ...others]: Found['images'],
  names: { tags: string[]; digests: string[] },
): boolean {
  const known = (name: string, of: readonly string[] | undefined): boolean => of?.includes(name) === true;
  const record = store.find(first.id);
  return !(
    names.tags.every((name) => known(name, record?.tags)) &&
    [record, ...others.map(({ id }) => store.find(id))].every((each) =>
      names.digests.every((name) => known(name, each?.digests)),
    )
  );
}

/** An image that is no index may be for another platform than the one that was asked for. */
function requirePlatform(reference: Reference, wanted: Platform, image: CheckedImage): void {
  const actual = platformOf(image);
  if (actual.os === '' || platformMatches(wanted, actual)) return;
  throw conflict(
    `image with reference ${repositoryName(reference)} was found but does not match the specified platform: wanted ${formatPlatform(wanted)}, actual: ${formatPlatform(actual)}`,
    { code: 'platform-mismatch', hint: 'leave out --platform to take what the registry has' },
  );
}
