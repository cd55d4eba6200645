import { conflict } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { sha256 } from '../../foundation/oci/digest.ts';
import { type ImageConfig, parseImageConfig } from '../../foundation/oci/image-config.ts';
import { formatPlatform, hostPlatform, platformMatches } from '../../foundation/oci/platform.ts';
import {
  familiarName,
  formatReference,
  type Reference,
  repositoryName,
  withDefaultTag,
} from '../../foundation/oci/reference.ts';
import type { RegistryClient } from '../../resources/distribution/distribution.ts';
import {
  fetchSmallBlob,
  resolveImage,
  type ResolvedImage,
} from '../../resources/distribution/resolve-image.ts';
import { announcePull } from './announce.ts';
import type { Context } from './context.ts';
import { layersFrom } from './download.ts';
import type { PullRequest, PullResult } from './image.ts';
import type { Lease } from './lease.ts';
import { layerProgress } from './progress.ts';
import { type CheckedImage, completeImage, underLease } from './publish.ts';
import { canonicalName } from './resolve.ts';
import { configLimitBytes, putSmall } from './small-blobs.ts';

/**
 * Name -> manifest (through an index, by platform) -> configuration -> layers -> name, each compared with its digest before the next is
 * believed. What a kill at any point leaves: blobs and layers that are whole, partial downloads that the next pull goes on with, and
 * the names as they were.
 */
export async function pullImage(context: Context, request: PullRequest): Promise<PullResult> {
  const reference = withDefaultTag(request.reference);
  const { signal, onProgress, credentials } = request;
  onProgress?.({ kind: 'resolving', reference: familiarName(reference) });
  const client = context.registry({
    insecure: context.settings.insecureRegistries,
    ...(credentials ? { credentials } : {}),
  });
  return underLease(context, async (lease) => {
    const platform = request.platform ?? hostPlatform();
    const resolved = await resolveImage({ client, reference, platform, signal });
    const image = await storeDocuments(context, lease, { client, reference, resolved, signal });
    if (request.platform) requirePlatform(reference, request.platform, image.config);
    const digest = resolved.documents[0].digest;
    const names = namesFor(reference, digest);
    const changed = isNew(context, image, names);
    const record = await completeImage(context, lease, image, {
      signal,
      names: { ...names, target: digest },
      noteFor: (layer) => layerProgress(layer.blob, context.now, onProgress),
      bring: layersFrom(context, { client, reference, descriptors: image.manifest.layers }),
    });
    announcePull(context, record, reference);
    return { image: record, digest, changed };
  });
}

interface Found {
  client: RegistryClient;
  reference: Reference;
  resolved: ResolvedImage;
  signal: AbortSignal | undefined;
}

/** Index, manifest and configuration, into the content store. */
async function storeDocuments(context: Context, lease: Lease, found: Found): Promise<CheckedImage> {
  const { client, reference, resolved, signal } = found;
  const { manifest, documents, descriptor } = resolved;
  for (const { digest, bytes } of documents) {
    await lease.hold(digest);
    await putSmall(context, bytes, digest);
  }
  faultPoint('image.pull.manifest-stored');
  const { digest } = manifest.config;
  await lease.hold(digest);
  const there = await context.content.find(digest);
  const bytes = there
    ? await context.content.readSmall(digest, configLimitBytes)
    : await fetchSmallBlob({
        client,
        reference,
        descriptor: manifest.config,
        limitBytes: configLimitBytes,
        signal,
      });
  const config = parseImageConfig(bytes, manifest.layers.length);
  await putSmall(context, bytes, digest);
  faultPoint('image.pull.config-stored');
  return {
    id: sha256(bytes),
    manifest,
    manifestDigest: descriptor.digest,
    config,
    above: documents.slice(0, -1).map((document) => document.digest),
  };
}

function namesFor(
  reference: Reference,
  digest: CheckedImage['manifestDigest'],
): { tags: string[]; digests: string[] } {
  return {
    tags: reference.digest === undefined ? [formatReference(reference)] : [],
    digests: [canonicalName({ ...reference, digest })],
  };
}

function isNew(
  { store }: Context,
  image: CheckedImage,
  names: { tags: string[]; digests: string[] },
): boolean {
  const record = store.find(image.id);
  const known = (name: string, of: readonly string[] | undefined): boolean => of?.includes(name) === true;
  return !(
    names.tags.every((name) => known(name, record?.tags)) &&
    names.digests.every((name) => known(name, record?.digests))
  );
}

/** An image that is no index may be for another platform than the one that was asked for. */
function requirePlatform(
  reference: Reference,
  wanted: NonNullable<PullRequest['platform']>,
  config: ImageConfig,
): void {
  const actual = {
    os: config.os,
    architecture: config.architecture,
    ...(config.variant ? { variant: config.variant } : {}),
  };
  if (config.os === '' || platformMatches(wanted, actual)) return;
  throw conflict(
    `image with reference ${repositoryName(reference)} was found but does not match the specified platform: wanted ${formatPlatform(wanted)}, actual: ${formatPlatform(actual)}`,
    { code: 'platform-mismatch', hint: 'leave out --platform to take what the registry has' },
  );
}
