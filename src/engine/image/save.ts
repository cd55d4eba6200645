import { contentPadding, endOfArchive, formatMember } from '../../foundation/archive/tar-writer.ts';
import { throwIfAborted } from '../../foundation/base/deadline.ts';
import { invalid, isKind } from '../../foundation/base/errors.ts';
import type { Descriptor, Platform } from '../../foundation/oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../foundation/oci/digest.ts';
import { mediaTypes } from '../../foundation/oci/media-types.ts';
import {
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
  repositoryName,
} from '../../foundation/oci/reference.ts';
import { announceImage } from './announce.ts';
import type { Context } from './context.ts';
import type { ImageRecord } from './image.ts';
import type { SaveRequest } from './transfers.ts';
import type { Lease } from './lease.ts';
import { holdOutgoing, type OutgoingImage, requireBlob } from './outgoing.ts';
import { holdIndex, type OutgoingIndex } from './outgoing-index.ts';
import { type FoundImage, findImage, resolveImage } from './resolve.ts';
import { noSuchImage } from './texts.ts';

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

/** The archive of what is held, its blobs first. Without Docker's files it is an OCI image layout alone. */
export async function* writeArchive(
  context: Pick<Context, 'content'>,
  {
    chosen,
    blobs,
    kind,
    signal,
  }: {
    chosen: readonly Chosen[];
    blobs: ReadonlyMap<Digest, number>;
    kind: 'oci' | 'docker';
    signal: AbortSignal;
  },
): AsyncGenerator<Uint8Array> {
  yield* folder('blobs');
  for (const algorithm of new Set([...blobs.keys()].map(digestAlgorithm)))
    yield* folder(`blobs/${algorithm}`);
  for (const [digest, size] of blobs) {
    yield formatMember({ ...plain, type: 'file', name: pathOf(digest), size });
    for await (const chunk of await context.content.read(digest)) {
      throwIfAborted(signal, 'the save');
      yield chunk as Uint8Array;
    }
    yield contentPadding(size);
  }
  yield* document('index.json', indexOf(chosen));
  // Docker's archive has no form for an artifact.
  const runnable = kind === 'oci' ? [] : chosen.filter(({ outgoing }) => outgoing.image.form !== 'artifact');
  if (runnable.length > 0)
    yield* document(
      'manifest.json',
      runnable.map(({ outgoing, names }) => dockerEntry(outgoing, names)),
    );
  yield* document('oci-layout', { imageLayoutVersion: '1.0.0' });
  if (runnable.length > 0) yield* document('repositories', repositoriesOf(runnable));
  yield endOfArchive;
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

export interface Chosen {
  /** The name's own. */
  outgoing: OutgoingImage;
  names: readonly Reference[];
  index?: OutgoingIndex;
  /** Of the entry in the archive's index. */
  annotations?: Readonly<Record<string, string>>;
}

/** One entry a name. containerd's annotation holds the whole name, the standard one the tag. */
function indexOf(chosen: readonly Chosen[]): unknown {
  const manifests = chosen.flatMap(({ outgoing, index, names, annotations }) => {
    const plainly = index ? bare(index.descriptor) : manifestDescriptor(outgoing);
    const descriptor = annotations ? { ...plainly, annotations } : plainly;
    const named = names.map((name) => ({
      ...descriptor,
      annotations: {
        ...annotations,
        'io.containerd.image.name': `${repositoryName(name)}:${name.tag ?? 'latest'}`,
        'org.opencontainers.image.ref.name': name.tag ?? 'latest',
      },
    }));
    return named.length > 0 ? named : [descriptor];
  });
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
}

/** Annotations of the index itself are not those of an entry that points at it. */
const bare = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size });

function manifestDescriptor({ image, manifest, bytes, digest }: OutgoingImage): Descriptor {
  const { os, architecture, variant } = image.config;
  return {
    mediaType: manifest.mediaType,
    digest,
    size: bytes.byteLength,
    ...(os === '' ? {} : { platform: { architecture, os, ...(variant ? { variant } : {}) } }),
  };
}

function dockerEntry({ manifest, layers }: OutgoingImage, names: readonly Reference[]): unknown {
  return {
    Config: pathOf(manifest.config.digest),
    RepoTags: names.length > 0 ? names.map(familiarName) : null,
    Layers: layers.map(({ descriptor }) => pathOf(descriptor.digest)),
    LayerSources: Object.fromEntries(
      layers.map(({ diffId, descriptor: { mediaType, size, digest } }) => [
        diffId,
        { mediaType, size, digest },
      ]),
    ),
  };
}

/** The oldest format's table of names, which Docker still writes: the value is that of the topmost layer. */
function repositoriesOf(chosen: readonly Chosen[]): Record<string, Record<string, string>> {
  const table: Record<string, Record<string, string>> = {};
  for (const { outgoing, names } of chosen)
    for (const name of names) {
      const top = outgoing.layers.at(-1)?.descriptor.digest;
      (table[familiarRepository(name)] ??= {})[name.tag ?? 'latest'] =
        top === undefined ? '' : digestHex(top);
    }
  return table;
}

const plain = { mode: 0o644, uid: 0, gid: 0, mtime: { sec: 0, nsec: 0 } };

function pathOf(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

function* folder(name: string): Generator<Uint8Array> {
  yield formatMember({ ...plain, type: 'directory', mode: 0o755, name });
}

function* document(name: string, value: unknown): Generator<Uint8Array> {
  const bytes = Buffer.from(JSON.stringify(value));
  yield formatMember({ ...plain, type: 'file', name, size: bytes.byteLength });
  yield bytes;
  yield contentPadding(bytes.byteLength);
}
