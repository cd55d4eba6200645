import { invalid, notFound } from '../../foundation/base/errors.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { shortId } from '../../foundation/base/ids.ts';
import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import type { Digest } from '../../foundation/oci/digest.ts';
import {
  familiarName,
  familiarRepository,
  formatReference,
  parseReference,
  type Reference,
  repositoryName,
  withTag,
} from '../../foundation/oci/reference.ts';
import type { RegistryPublisher } from '../../resources/distribution/distribution.ts';
import { announcePush } from './announce.ts';
import type { Context } from './context.ts';
import type { ImageRecord, PushedTag, PushRequest, PushPhase } from './image.ts';
import type { Lease } from './lease.ts';
import { holdOutgoing, type OutgoingImage, requireBlob, requireImagePlatform } from './outgoing.ts';
import { canonicalName } from './resolve.ts';
import { runInTurn } from './shared-work.ts';

/**
 * Blobs side by side, then the manifest, then the record that the repository has it. The registry gets the bytes that came in, so the digest
 * stays. Of an image that came as part of an index the manifest is pushed: the other platforms are not here.
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
  const mounts = createMounts(context, reference, tags);
  const publisher = context.publisher({
    insecure: context.settings.insecureRegistries,
    pushes: { mountsFrom: mounts.repositories },
    ...(request.credentials ? { credentials: request.credentials } : {}),
  });
  const pushed: PushedTag[] = [];
  for (const tag of tags) {
    requireImagePlatform(tag.image, familiarName(tag.reference), request.platform);
    const meant = context.store.findName(formatReference(tag.reference))?.target;
    const outgoing = await holdOutgoing(context, lease, tag.image, meant);
    await pushBlobs(context, { request, lease, outgoing, publisher, mountFor: mounts.find, signal });
    faultPoint('image.push.blobs-sent');
    const { bytes, digest, manifest, image } = outgoing;
    await publisher.putManifest(tag.reference, { mediaType: manifest.mediaType, digest, bytes }, signal);
    faultPoint('image.push.manifest-sent');
    // Whoever removed it meanwhile wanted it gone here.
    if (context.store.find(image.id)) {
      context.store.addDigest(canonicalName({ ...tag.reference, digest }), image.id);
      announcePush(context, image, tag.reference);
    }
    const done = { tag: tag.reference.tag ?? 'latest', digest, sizeBytes: bytes.byteLength };
    onProgress?.({ kind: 'tag', ...done });
    pushed.push(done);
  }
  return pushed;
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

interface Mounts {
  /** All that may be named, so that one token covers them. */
  repositories: string[];
  find: (digest: Digest) => string | undefined;
}

/** More would make the token's scope long. */
const mountLimit = 8;

/** Other repositories of the same registry that are known, from pulls and pushes, to have a blob. */
function createMounts({ store }: Context, target: Reference, tags: readonly TagToPush[]): Mounts {
  const wanted = new Set(tags.flatMap(({ image }) => store.blobsOf(image.id)));
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

interface BlobPush {
  request: PushRequest;
  lease: Lease;
  outgoing: OutgoingImage;
  publisher: RegistryPublisher;
  mountFor: (digest: Digest) => string | undefined;
  signal: AbortSignal;
}

/** All blobs side by side, each once. The first failure stops the others and is thrown when all have ended. */
async function pushBlobs(context: Context, push: BlobPush): Promise<void> {
  const { outgoing, request } = push;
  const failed = new AbortController();
  const signal = AbortSignal.any([push.signal, failed.signal]);
  let failure: { error: unknown } | undefined;
  const wishes = new Map<Digest, { descriptor: Descriptor; note: NoteOf }>();
  // From the top, as Docker shows them.
  for (const { descriptor, diffId, isForeign } of outgoing.layers.toReversed()) {
    const note: NoteOf = (phase, more) =>
      request.onProgress?.({ kind: 'layer', id: shortId(diffId), phase, ...more });
    if (isForeign) note('skipped');
    else {
      note('preparing');
      wishes.set(descriptor.digest, { descriptor, note });
    }
  }
  const { config } = outgoing.manifest;
  wishes.set(config.digest, { descriptor: config, note: () => undefined });
  await Promise.all(
    [...wishes.values()].map(async ({ descriptor, note }) => {
      try {
        await runInTurn(context.uploadTurns, signal, 'the push', () =>
          pushBlob(context, { ...push, signal }, descriptor, note),
        );
      } catch (error) {
        failure ??= { error };
        failed.abort(error);
      }
    }),
  );
  if (failure) throw failure.error;
}

type NoteOf = (
  phase: PushPhase,
  more?: { currentBytes?: number; totalBytes?: number; from?: string },
) => void;

async function pushBlob(
  context: Context,
  push: BlobPush,
  descriptor: Descriptor,
  note: NoteOf,
): Promise<void> {
  const { publisher, outgoing, request, lease, signal } = push;
  const { reference, credentials } = request;
  const totalBytes = descriptor.size;
  if (await publisher.hasBlob(reference, descriptor, signal)) return note('exists');
  const mountFrom = push.mountFor(descriptor.digest);
  const ownBlob = (): ReturnType<typeof requireBlob> =>
    requireBlob(context, lease, {
      image: outgoing.image,
      descriptor,
      credentials: credentials && { host: reference.host, value: credentials },
      signal,
    });
  // What may be mounted need not be here.
  if (mountFrom === undefined) await ownBlob();
  const outcome = await publisher.upload(reference, descriptor, {
    mountFrom,
    signal,
    onProgress: (currentBytes) => note('pushing', { currentBytes, totalBytes }),
    async *open(range) {
      await ownBlob();
      yield* await context.content.read(descriptor.digest, range);
    },
  });
  if (outcome === 'mounted' && mountFrom !== undefined) note('mounted', { from: mountFrom });
  else note('pushed');
}
