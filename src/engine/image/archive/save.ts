import { invalid, isKind } from '../../../foundation/base/errors.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import type { Digest } from '../../../foundation/oci/digest.ts';
import {
  familiarName,
  parseReference,
  type Reference,
  repositoryName,
} from '../../../foundation/oci/reference.ts';
import { announceImage } from '../announce.ts';
import type { Context } from '../context.ts';
import type { ImageRecord } from '../image.ts';
import type { SaveRequest } from '../transfers.ts';
import type { Lease } from '../lease.ts';
import { holdOutgoing, type OutgoingImage, requireBlob } from '../push/outgoing.ts';
import { holdIndex } from '../push/outgoing-index.ts';
import { type FoundImage, findImage, resolveImage } from '../names/resolve.ts';
import { noSuchImage } from '../texts.ts';
import { writeArchive, type Chosen } from './write-archive.ts';

/** An image, the names that go with it, and the index that they mean. */
interface Selection {
  image: ImageRecord;
  target: Digest | undefined;
  names: Reference[];
}

/**
 * One tar that is Docker's archive (`manifest.json`, `repositories`) and an OCI image layout (`index.json`, `oci-layout`) of the same blobs. They are
 * the bytes that came in, so digests stay; the same images give the same archive. Of an index everything that is here is saved, below the index itself.
 * Everything is looked up, and missing layers are brought, before the first byte.
 */
export async function* saveImages(context: Context, request: SaveRequest): AsyncGenerator<Uint8Array> {
  const { signal = new AbortController().signal, platform } = request;
  using lease = context.leases.open();
  const chosen: Chosen[] = [];
  const blobs = new Map<Digest, number>();
  for (const selection of select(context, request.names, platform)) {
    const one = await hold(context, lease, selection);
    chosen.push(one);
    await blobsOf(context, lease, one, { blobs, signal });
  }
  yield* writeArchive(context, { chosen, blobs, kind: 'docker', signal });
  for (const { outgoing } of chosen) announceImage(context, 'save', outgoing.image);
}

/** Brings together what an archive of it has to hold. */
export async function blobsOf(
  context: Context,
  lease: Lease,
  { outgoing, index }: Pick<Chosen, 'outgoing' | 'index'>,
  { blobs, signal }: { blobs: Map<Digest, number>; signal: AbortSignal },
): Promise<void> {
  for (const part of index?.manifests ?? [outgoing]) await addBlobs(context, lease, part, { blobs, signal });
  for (const { digest, bytes } of index ? [...index.nested, index.root] : [])
    blobs.set(digest, bytes.byteLength);
}

async function hold(context: Context, lease: Lease, { image, target, names }: Selection): Promise<Chosen> {
  const index = target && (await holdIndex(context, lease, image, target));
  const outgoing = await holdOutgoing(context, lease, image, target);
  // Alone, the manifest says more than an index of which nothing else is here.
  return index && (index.isWhole || index.manifests.length > 1)
    ? { outgoing, names, index }
    : { outgoing, names };
}

/** The manifest and its parts; a foreign layer that is not here is left out, as the standard allows. */
async function addBlobs(
  context: Context,
  lease: Lease,
  { image, manifest, digest: own, bytes, layers }: OutgoingImage,
  { blobs, signal }: { blobs: Map<Digest, number>; signal: AbortSignal },
): Promise<void> {
  const foreign = new Set(
    layers.filter((layer) => layer.isForeign).map(({ descriptor }) => descriptor.digest),
  );
  for (const descriptor of [manifest.config, ...manifest.layers]) {
    const { digest, size } = descriptor;
    if (blobs.has(digest)) continue;
    if (foreign.has(digest) && !(await context.content.find(digest))) continue;
    await requireBlob(context, lease, { image, descriptor, signal });
    blobs.set(digest, size);
  }
  blobs.set(own, bytes.byteLength);
}

/** As Docker takes names: a repository without tag means all its tags, an id brings no name. */
function select({ store }: Context, names: readonly string[], platform: Platform | undefined): Selection[] {
  if (names.length === 0) throw invalid('no image was named to save', { code: 'no-image-name' });
  const selected = new Map<string, Selection>();
  const add = (found: FoundImage, typed: string): void => {
    const image = platform ? resolveImage(store, typed, platform) : found.image;
    const target = platform ? undefined : found.target;
    const key = `${image.id} ${target ?? ''}`;
    const entry = selected.get(key) ?? { image, target, names: [] };
    selected.set(key, entry);
    const { name } = found;
    if (
      name?.digest === undefined &&
      name &&
      !entry.names.some((each) => familiarName(each) === familiarName(name))
    )
      entry.names.push(name);
  };
  for (const typed of names) {
    const all = tagsOf(store.list(), typed);
    for (const name of all) add(findImage(store, name), name);
    if (all.length === 0) add(findTyped(store, typed), typed);
  }
  return [...selected.values()];
}

/** As `findImage`, but what is not there is named as it was typed, without a default tag. */
function findTyped(store: Context['store'], typed: string): FoundImage {
  try {
    return findImage(store, typed);
  } catch (error) {
    throw isKind(error, 'not-found') ? noSuchImage(typed) : error;
  }
}

/** Canonical names of all tags of a repository; none when it is named otherwise. */
function tagsOf(images: readonly ImageRecord[], typed: string): string[] {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(typed)) return [];
  const wanted = parseReference(typed);
  if (wanted.tag !== undefined || wanted.digest !== undefined) return [];
  return images
    .flatMap((image) => image.tags)
    .filter((tag) => repositoryName(parseReference(tag)) === repositoryName(wanted));
}
