import { contentPadding, endOfArchive, formatMember } from '../../foundation/archive/tar-writer.ts';
import { throwIfAborted } from '../../foundation/base/deadline.ts';
import { invalid, isKind } from '../../foundation/base/errors.ts';
import type { Descriptor } from '../../foundation/oci/descriptor.ts';
import { type Digest, digestAlgorithm, digestHex, type ImageId } from '../../foundation/oci/digest.ts';
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
import type { ImageRecord, SaveRequest } from './image.ts';
import { holdOutgoing, type OutgoingImage, requireBlob, requireImagePlatform } from './outgoing.ts';
import { findImage } from './resolve.ts';
import { noSuchImage } from './texts.ts';

/** An image and the names that go with it. */
interface Selection {
  image: ImageRecord;
  names: Reference[];
}

/**
 * One tar that is Docker's archive (`manifest.json`, `repositories`) and an OCI image layout (`index.json`, `oci-layout`) of the same blobs. They are
 * the bytes that came in, so digests stay; the same images give the same archive. Everything is looked up, and missing layers are brought, before the
 * first byte.
 */
export async function* saveImages(context: Context, request: SaveRequest): AsyncGenerator<Uint8Array> {
  const { signal = new AbortController().signal, platform } = request;
  using lease = context.leases.open();
  const chosen: { outgoing: OutgoingImage; names: Reference[] }[] = [];
  const blobs = new Map<Digest, number>();
  for (const { image, names } of select(context, request.names)) {
    requireImagePlatform(image, names[0] ? familiarName(names[0]) : image.id, platform);
    const outgoing = await holdOutgoing(context, lease, image);
    chosen.push({ outgoing, names });
    const { config } = outgoing.manifest;
    for (const descriptor of [config, ...outgoing.layers.map((layer) => layer.descriptor)]) {
      if (blobs.has(descriptor.digest)) continue;
      await requireBlob(context, lease, { image, descriptor, signal });
      blobs.set(descriptor.digest, descriptor.size);
    }
    blobs.set(outgoing.digest, outgoing.bytes.byteLength);
  }
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
  yield* document(
    'manifest.json',
    chosen.map(({ outgoing, names }) => dockerEntry(outgoing, names)),
  );
  yield* document('oci-layout', { imageLayoutVersion: '1.0.0' });
  yield* document('repositories', repositoriesOf(chosen));
  yield endOfArchive;
  for (const { outgoing } of chosen) announceImage(context, 'save', outgoing.image);
}

/** As Docker takes names: a repository without tag means all its tags, an id brings no name. */
function select({ store }: Context, names: readonly string[]): Selection[] {
  if (names.length === 0) throw invalid('no image was named to save', { code: 'no-image-name' });
  const selected = new Map<ImageId, Selection>();
  const add = (image: ImageRecord, name?: Reference): void => {
    const entry = selected.get(image.id) ?? { image, names: [] };
    selected.set(image.id, entry);
    if (name && !entry.names.some((each) => familiarName(each) === familiarName(name)))
      entry.names.push(name);
  };
  for (const typed of names) {
    const all = tagsOf(store.list(), typed);
    for (const { image, name } of all) add(image, name);
    if (all.length > 0) continue;
    const { image, name } = findTyped(store, typed);
    add(image, name?.digest === undefined ? name : undefined);
  }
  return [...selected.values()];
}

/** As `findImage`, but what is not there is named as it was typed, without a default tag. */
function findTyped(store: Context['store'], typed: string): ReturnType<typeof findImage> {
  try {
    return findImage(store, typed);
  } catch (error) {
    throw isKind(error, 'not-found') ? noSuchImage(typed) : error;
  }
}

function tagsOf(images: readonly ImageRecord[], typed: string): { image: ImageRecord; name: Reference }[] {
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(typed)) return [];
  const wanted = parseReference(typed);
  if (wanted.tag !== undefined || wanted.digest !== undefined) return [];
  return images
    .flatMap((image) => image.tags.map((tag) => ({ image, name: parseReference(tag) })))
    .filter(({ name }) => repositoryName(name) === repositoryName(wanted));
}

interface Chosen {
  outgoing: OutgoingImage;
  names: Reference[];
}

/** One entry a name. containerd's annotation holds the whole name, the standard one the tag. */
function indexOf(chosen: readonly Chosen[]): unknown {
  const manifests = chosen.flatMap(({ outgoing: { image, manifest, bytes, digest }, names }) => {
    const { os, architecture, variant } = image.config;
    const descriptor: Descriptor = {
      mediaType: manifest.mediaType,
      digest,
      size: bytes.byteLength,
      ...(os === '' ? {} : { platform: { architecture, os, ...(variant ? { variant } : {}) } }),
    };
    const named = names.map((name) => ({
      ...descriptor,
      annotations: {
        'io.containerd.image.name': `${repositoryName(name)}:${name.tag ?? 'latest'}`,
        'org.opencontainers.image.ref.name': name.tag ?? 'latest',
      },
    }));
    return named.length > 0 ? named : [descriptor];
  });
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
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
