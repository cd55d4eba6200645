import { invalid, notFound } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import {
  familiarName,
  familiarRepository,
  formatReference,
  parseReference,
  type Reference,
  repositoryName,
  withTag,
} from '../../../foundation/oci/reference.ts';
import type { FetchedManifest } from '../../../resources/distribution/distribution.ts';
import { announcePush } from '../announce.ts';
import type { Context } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import type { PushedTag, PushRequest } from '../transfers.ts';
import { holdOutgoing } from './outgoing.ts';
import { type BlobPush, pushBlobs } from './push-blobs.ts';
import { holdIndex, type OutgoingIndex } from './outgoing-index.ts';
import { pushReferrers } from './referrers.ts';
import { registryAccess } from '../remote/registry-access.ts';
import { canonicalName, resolveImage } from '../names/resolve.ts';

/**
 * Blobs side by side, then the manifest, then the record that the repository has it. The registry gets the bytes that came in, so the digest
 * stays. An index goes with everything in it when all of it is here; otherwise the name's own manifest goes, and that is told.
 */
export async function pushImage(context: Context, request: PushRequest): Promise<PushedTag[]> {
  const { reference, onProgress, signal = new AbortController().signal } = request;
  if (reference.digest !== undefined)
    throw invalid('cannot push a digest reference', {
      code: 'push-by-digest',
      hint: 'push a tag; the digest follows from the content',
    });
  onProgress?.({ kind: 'repository', name: repositoryName(reference) });
  const tags = tagsToPush(context, reference);
  using lease = context.leases.open();
  const mounts = mountsOfTags(context, reference, tags);
  const publisher = context.publisher({
    ...registryAccess(context, request),
    pushes: { mountsFrom: mounts.repositories },
  });
  const pushed: PushedTag[] = [];
  for (const tag of tags) {
    const push = { request, lease, publisher, mountFor: mounts.find, signal };
    const meant = context.store.findName(formatReference(tag.reference))?.target;
    const index = meant && !request.platform ? await holdIndex(context, lease, tag.image, meant) : undefined;
    const { root, images } = index?.isWhole
      ? await pushIndex(context, push, tag, index)
      : await pushOne(context, push, tag, { meant, index });
    faultPoint('image.push.manifest-sent');
    const sent = [root.digest, ...images.map(({ manifestDigest }) => manifestDigest)];
    await pushReferrers(context, push, tag.reference, sent);
    // Whoever removed it meanwhile wanted it gone here.
    for (const { id } of images)
      if (context.store.find(id))
        context.store.addDigest(canonicalName({ ...tag.reference, digest: root.digest }), id);
    const [image] = images;
    if (image && context.store.find(image.id)) announcePush(context, image, tag.reference);
    const done = {
      tag: tag.reference.tag ?? 'latest',
      digest: root.digest,
      sizeBytes: root.bytes.byteLength,
    };
    onProgress?.({ kind: 'tag', ...done });
    pushed.push(done);
  }
  return pushed;
}

interface Pushed {
  /** What the tag means at the registry now. */
  root: FetchedManifest;
  images: readonly ImageRecord[];
}

async function pushOne(
  context: Context,
  push: Omit<BlobPush, 'outgoing' | 'request'> & { request: PushRequest },
  tag: TagToPush,
  { meant, index }: { meant: Digest | undefined; index: OutgoingIndex | undefined },
): Promise<Pushed> {
  const { request, lease, publisher, signal } = push;
  const chosen = request.platform
    ? resolveImage(context.store, formatReference(tag.reference), request.platform)
    : tag.image;
  const outgoing = await holdOutgoing(context, lease, chosen, meant);
  const { bytes, digest, manifest, image } = outgoing;
  const { mediaType } = manifest;
  if (index)
    request.onProgress?.({
      kind: 'partial',
      index: index.descriptor,
      manifest: { mediaType, digest, size: bytes.byteLength },
    });
  await pushBlobs(context, { ...push, outgoing: [outgoing] });
  const root = { mediaType, digest, bytes };
  await publisher.putManifest(tag.reference, root, signal);
  return { root, images: [image] };
}

async function pushIndex(
  context: Context,
  push: Omit<BlobPush, 'outgoing'>,
  tag: TagToPush,
  index: OutgoingIndex,
): Promise<Pushed> {
  await sendIndex(context, push, tag.reference, index);
  return { root: index.root, images: index.images };
}

/** Children before parents, by digest; the tag comes with the index itself. */
export async function sendIndex(
  context: Context,
  push: Omit<BlobPush, 'outgoing'>,
  target: Reference,
  index: OutgoingIndex,
): Promise<void> {
  const { publisher, signal } = push;
  await pushBlobs(context, { ...push, outgoing: index.manifests });
  const { host, path } = target;
  const children = [
    ...index.manifests.map(({ manifest: { mediaType }, digest, bytes }) => ({ mediaType, digest, bytes })),
    ...index.nested.toReversed(),
  ];
  for (const child of children)
    await publisher.putManifest({ host, path, digest: child.digest }, child, signal);
  faultPoint('image.push.children-sent');
  await publisher.putManifest(target, index.root, signal);
}

interface TagToPush {
  reference: Reference;
  image: ImageRecord;
}

/** One tag, or all of the repository's when none is named. Docker's sentences. */
function tagsToPush({ store }: Context, reference: Reference): TagToPush[] {
  const repository = repositoryName(reference);
  const ofRepository = store
    .list()
    .flatMap((image) => image.tags.map((tag) => ({ reference: parseReference(tag), image })))
    .filter((each) => repositoryName(each.reference) === repository)
    .toSorted((a, b) => ((a.reference.tag ?? '') < (b.reference.tag ?? '') ? -1 : 1));
  if (ofRepository.length === 0)
    throw notFound(`An image does not exist locally with the tag: ${familiarRepository(reference)}`, {
      code: 'no-such-image',
      hint: 'give the image this name first: `silo tag IMAGE NAME`',
    });
  if (reference.tag === undefined) return ofRepository;
  const name = formatReference(withTag(reference, reference.tag));
  const one = ofRepository.find((each) => formatReference(each.reference) === name);
  if (!one)
    throw notFound(`tag does not exist: ${familiarName(reference)}`, {
      code: 'no-such-image',
      hint: `the repository has here: ${ofRepository.map((each) => each.reference.tag).join(', ')}`.slice(
        0,
        300,
      ),
    });
  return [one];
}

export interface Mounts {
  /** All that may be named, so that one token covers them. */
  repositories: string[];
  find: (digest: Digest) => string | undefined;
}

/** More would make the token's scope long. */
const mountLimit = 8;

function mountsOfTags(context: Context, target: Reference, tags: readonly TagToPush[]): Mounts {
  const { store } = context;
  const wanted = tags
    .flatMap(({ image, reference }) => {
      const meant = store.findName(formatReference(reference))?.target;
      return [image, ...(meant ? store.withBlob(meant) : [])];
    })
    .flatMap(({ id }) => store.blobsOf(id));
  return createMounts(context, target, wanted);
}

/** Other repositories of the same registry that are known, from pulls and pushes, to have a blob. */
export function createMounts({ store }: Context, target: Reference, blobs: Iterable<Digest>): Mounts {
  const wanted = new Set(blobs);
  const found = new Map<Digest, string>();
  const repositories = new Set<string>();
  for (const image of store.list()) {
    const source = image.digests
      .map(parseReference)
      .find(({ host, path }) => host === target.host && path !== target.path);
    if (source === undefined) continue;
    for (const digest of store.blobsOf(image.id)) {
      if (!wanted.has(digest) || found.has(digest)) continue;
      if (!repositories.has(source.path) && repositories.size === mountLimit) continue;
      found.set(digest, source.path);
      repositories.add(source.path);
    }
  }
  return { repositories: [...repositories], find: (digest) => found.get(digest) };
}
