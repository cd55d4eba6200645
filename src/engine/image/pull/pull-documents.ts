import { createLimiter } from '../../../foundation/base/limiter.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import { notFound } from '../../../foundation/base/errors.ts';
import type { Descriptor } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import { type Manifest, parseManifest, parseManifestDocument } from '../../../foundation/oci/manifest.ts';
import { bestFor, hostPlatform } from '../../../foundation/oci/platform.ts';
import { familiarName, type Reference } from '../../../foundation/oci/reference.ts';
import type { FetchedManifest, RegistryClient } from '../../../resources/distribution/distribution.ts';
import { fetchSmallBlob } from '../../../resources/distribution/resolve-image.ts';
import type { Context } from '../context.ts';
import { identify, isImage } from '../form.ts';
import { walkIndex } from '../names/index-tree.ts';
import type { Lease } from '../lease.ts';
import type { CheckedImage } from './publish.ts';
import { platformOf } from '../names/resolve.ts';
import { configLimitBytes, putSmall } from '../small-blobs.ts';

export interface PullSource {
  client: RegistryClient;
  reference: Reference;
  signal: AbortSignal | undefined;
}

/** Manifests of an index that are fetched side by side. */
const atOnce = 6;

/** A manifest or index into the content store. */
export async function keepDocument(
  context: Context,
  lease: Lease,
  { digest, bytes }: Pick<FetchedManifest, 'digest' | 'bytes'>,
): Promise<void> {
  await lease.hold(digest);
  await putSmall(context, bytes, digest);
}

/** What the manifest makes; of an image its configuration is in the content store afterwards. */
export async function readImage(
  context: Context,
  lease: Lease,
  { client, reference, signal }: PullSource,
  { manifest, digest }: { manifest: Manifest; digest: Digest },
): Promise<CheckedImage> {
  const { config } = manifest;
  let bytes: Uint8Array = new Uint8Array();
  if (isImage(manifest)) {
    await lease.hold(config.digest);
    const there = await context.content.find(config.digest);
    bytes = there
      ? await context.content.readSmall(config.digest, configLimitBytes)
      : await fetchSmallBlob({ client, reference, descriptor: config, limitBytes: configLimitBytes, signal });
  }
  const identity = identify(manifest, digest, bytes);
  if (identity.form !== 'artifact') await putSmall(context, bytes, config.digest);
  faultPoint('image.pull.config-stored');
  return { ...identity, manifest, manifestDigest: digest };
}

/**
 * Everything that the name's index holds, bounded: images of all platforms, the one for the host first, attestations with the image that they are
 * about, and artifacts. Without an index it is the one manifest.
 */
export async function readAll(
  context: Context,
  lease: Lease,
  source: PullSource,
): Promise<{ images: readonly [CheckedImage, ...CheckedImage[]]; digest: Digest }> {
  const { client, reference, signal } = source;
  const root = await client.manifest(reference, signal);
  const document = parseManifestDocument(root.bytes, root.mediaType);
  await keepDocument(context, lease, root);
  const { digest } = root;
  if (document.kind === 'manifest') {
    const { manifest } = document;
    return { images: [await readImage(context, lease, source, { manifest, digest })], digest };
  }
  const fetch = async (descriptor: Descriptor): Promise<FetchedManifest> => {
    const fetched = await client.manifestBy(reference, descriptor, signal);
    await keepDocument(context, lease, fetched);
    return fetched;
  };
  const tree = await walkIndex(document.index, async (descriptor) => {
    const fetched = await fetch(descriptor);
    return parseManifestDocument(fetched.bytes, fetched.mediaType);
  });
  faultPoint('image.pull.index-stored');
  const turns = createLimiter(atOnce);
  const read = await allOrFirst(
    tree.manifests.map((entry) =>
      turns.run(async () => {
        const { bytes, mediaType } = await fetch(entry.descriptor);
        const manifest = parseManifest(bytes, mediaType);
        return {
          ...entry,
          image: await readImage(context, lease, source, { manifest, digest: entry.descriptor.digest }),
        };
      }),
    ),
  );
  const above = [digest, ...tree.indexes.map((each) => each.digest)];
  const images = groupPlatforms(read).map((image) => ({ ...image, above }));
  const [first, ...others] = images;
  if (!first)
    throw notFound(`the index of ${familiarName(reference)} is empty`, { code: 'no-matching-platform' });
  return { images: [first, ...others], digest };
}

/** As `Promise.all`, but a failure is thrown once all have ended: what they store is held until then. */
async function allOrFirst<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** A manifest of an index and what it makes. */
export interface ReadManifest {
  descriptor: Descriptor;
  image: CheckedImage;
}

export interface ReadEntry extends ReadManifest {
  isAttestation: boolean;
  attests?: Digest | undefined;
}

/**
 * The images of an index, the one to run here first; only that one is unpacked. An attestation goes with the image that it is about; one about nothing in
 * the index stays an artifact of its own. Two manifests of one configuration (layers compressed in other ways) are one image.
 */
export function groupPlatforms(read: readonly ReadEntry[]): CheckedImage[] {
  const subjects = new Set(
    read.filter((each) => !each.isAttestation).map(({ descriptor }) => descriptor.digest),
  );
  const isAttached = (each: ReadEntry): boolean =>
    each.isAttestation && each.attests !== undefined && subjects.has(each.attests);
  const images = new Map<string, CheckedImage>();
  for (const entry of read) {
    if (isAttached(entry)) continue;
    const twin = images.get(entry.image.id);
    const about = read.filter((each) => isAttached(each) && each.attests === entry.descriptor.digest);
    const attached = about.flatMap(partsOf);
    images.set(
      entry.image.id,
      twin
        ? { ...twin, attached: [...(twin.attached ?? []), ...partsOf(entry), ...attached] }
        : { ...entry.image, attached },
    );
  }
  return inOrder([...images.values()]);
}

const partsOf = ({ descriptor, image: { manifest } }: ReadManifest): Descriptor[] => [
  descriptor,
  manifest.config,
  ...manifest.layers,
];

function inOrder(images: readonly CheckedImage[]): CheckedImage[] {
  const runnable = images.filter(({ form }) => form === 'unpacked');
  const own = bestFor(hostPlatform(), runnable, platformOf);
  const packed = (image: CheckedImage): CheckedImage =>
    image.form === 'artifact' ? image : { ...image, form: 'packed' };
  return own
    ? [own, ...images.filter((image) => image !== own).map(packed)]
    : images.map(packed).toSorted((a, b) => Number(a.form === 'artifact') - Number(b.form === 'artifact'));
}
