import { invalid, isKind, notFound, toSiloError } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import { type Digest, sha256 } from '../../../foundation/oci/digest.ts';
import { parseImageConfig } from '../../../foundation/oci/image-config.ts';
import {
  type ImageIndex,
  parseIndex,
  parseManifest,
  parseManifestDocument,
} from '../../../foundation/oci/manifest.ts';
import { layerType } from '../../../foundation/oci/media-types.ts';
import { formatReference, type Reference, withDefaultTag } from '../../../foundation/oci/reference.ts';
import type {
  RegistryAccess,
  RegistryClient,
  RegistryPublisher,
} from '../../../resources/distribution/distribution.ts';
import { fetchSmallBlob } from '../../../resources/distribution/resolve-image.ts';
import type { Context } from '../context.ts';
import { isImage } from '../form.ts';
import type { IndexPush, RegistryManifest, RegistryManifestRequest } from '../registries.ts';
import { registryAccess } from './registry-access.ts';
import { platformOf } from '../names/resolve.ts';
import { configLimitBytes } from '../small-blobs.ts';

/** More images nobody lists by hand. */
const maximumSources = 200;

/** What a registry has under a name, with the platform that the configuration tells. Nothing is kept here. */
export async function fetchRegistryManifest(
  context: Context,
  request: RegistryManifestRequest,
): Promise<RegistryManifest> {
  const { signal } = request;
  const reference = withDefaultTag(request.reference);
  const client = context.registry(accessFor(context, request));
  const { bytes, digest, mediaType: said } = await fetchNamed(client, reference, signal);
  const document = parseManifestDocument(bytes, said);
  const { mediaType } = document.kind === 'index' ? document.index : document.manifest;
  const descriptor: Descriptor = { mediaType, digest, size: bytes.byteLength };
  if (document.kind === 'index' || !isImage(document.manifest)) return { descriptor, bytes };
  const { config, layers } = document.manifest;
  const limitBytes = configLimitBytes;
  const blob = await fetchSmallBlob({ client, reference, descriptor: config, limitBytes, signal });
  return {
    descriptor: { ...descriptor, platform: platformOf({ config: parseImageConfig(blob, layers.length) }) },
    bytes,
  };
}

/** Docker's sentence for a name that the registry does not know. */
async function fetchNamed(
  client: RegistryClient,
  reference: Reference,
  signal: AbortSignal | undefined,
): ReturnType<RegistryClient['manifest']> {
  try {
    return await client.manifest(reference, signal);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
    throw notFound(`no such manifest: ${formatReference(reference)}`, {
      code: 'no-such-manifest',
      cause: error,
    });
  }
}

/**
 * Gives an index of images, which the same registry has already, to one of its repositories: what is in another repository is mounted, or copied
 * through here. Children before the index.
 */
export async function pushRegistryIndex(context: Context, request: IndexPush): Promise<Digest> {
  const { target, sources, bytes, signal } = request;
  const index = readGiven(bytes);
  if (sources.length > maximumSources) throw invalid(`an index of more than ${maximumSources} images`);
  const foreign = sources.find(({ reference }) => reference.host !== target.host);
  if (foreign)
    throw invalid(
      `cannot use source images from a different registry than the target image: ${foreign.reference.host} != ${target.host}`,
      { code: 'other-registry' },
    );
  const access = accessFor(context, { ...request, reference: target });
  const client = context.registry(access);
  const paths = new Set(
    sources.map(({ reference }) => reference.path).filter((path) => path !== target.path),
  );
  const publisher = context.publisher({ ...access, pushes: { mountsFrom: [...paths] } });
  for (const { reference, digest } of sources) {
    const descriptor = index.manifests.find((each) => each.digest === digest);
    if (!descriptor) throw invalid(`the index does not have ${digest}`);
    if (reference.path !== target.path)
      await copyManifest({ client, publisher, source: reference, target, signal }, descriptor);
  }
  const digest = sha256(bytes);
  await publisher.putManifest(withDefaultTag(target), { mediaType: index.mediaType, digest, bytes }, signal);
  return digest;
}

/** What the caller gave is the caller's mistake, not damage. */
function readGiven(bytes: Uint8Array): ImageIndex {
  try {
    return parseIndex(bytes);
  } catch (error) {
    if (!isKind(error, 'corrupt')) throw error;
    throw invalid(toSiloError(error).message, { code: 'bad-index', cause: error });
  }
}

interface Copy {
  client: RegistryClient;
  publisher: RegistryPublisher;
  source: Reference;
  target: Reference;
  signal: AbortSignal | undefined;
}

async function copyManifest(copy: Copy, descriptor: Descriptor): Promise<void> {
  const { client, publisher, source, target, signal } = copy;
  const fetched = await client.manifestBy(source, descriptor, signal);
  const manifest = parseManifest(fetched.bytes, fetched.mediaType);
  const { host, path } = target;
  for (const blob of [manifest.config, ...manifest.layers]) {
    if (layerType(blob.mediaType)?.foreign || (await publisher.hasBlob(target, blob, signal))) continue;
    await publisher.upload(target, blob, {
      mountFrom: source.path,
      signal,
      open: ({ start, end }) => readRange(client, source, blob, { start, end, signal }),
    });
  }
  const { mediaType } = manifest;
  await publisher.putManifest({ host, path, digest: fetched.digest }, { ...fetched, mediaType }, signal);
}

/** What the registry would not mount goes through here, piece by piece. */
async function* readRange(
  client: RegistryClient,
  reference: Reference,
  blob: Descriptor,
  { start, end, signal }: { start: number; end: number; signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const { startsAt, body } = await client.blob(reference, blob, {
    offset: start,
    ...(signal ? { signal } : {}),
  });
  let at = startsAt;
  for await (const chunk of body) {
    const from = Math.max(0, start - at);
    const piece = chunk.subarray(from, Math.max(from, end - at));
    if (piece.byteLength > 0) yield piece;
    at += chunk.byteLength;
    if (at >= end) return;
  }
}

const accessFor = (
  context: Context,
  { reference, insecure, credentials }: RegistryManifestRequest,
): RegistryAccess =>
  registryAccess(context, { credentials, insecureHost: insecure ? reference.host : undefined });
