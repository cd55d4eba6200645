import type { ChainId, Digest, ImageId } from '../../foundation/oci/digest.ts';
import type { ImageConfig } from '../../foundation/oci/image-config.ts';
import type { ImageRecord } from './image.ts';
import type { ImageName, ImageStore, NameTarget, NewImage, StoredLayer } from './records.ts';

/** What the tables hold, indexed by everything that is asked. Changed only after the transaction that changed the tables. */
export type ImageMemory = Pick<
  ImageStore,
  'list' | 'find' | 'findByPrefix' | 'findDigest' | 'layerSizes' | 'blobsOf' | 'hasBlob' | 'hasLayer'
> & {
  findTag(name: string): NameTarget | undefined;
  put(image: NewImage, createdAtMs: number, taggedAtMs?: number): ImageRecord;
  setTag(name: string, target: NameTarget, taggedAtMs?: number): void;
  addDigest(name: string, image: ImageId): void;
  removeName(name: ImageName): void;
  /** With all its names, as the cascade in the database. */
  remove(id: ImageId): void;
};

interface Entry {
  manifestDigest: Digest;
  config: ImageConfig;
  parent: ImageId | undefined;
  layers: readonly StoredLayer[];
  blobs: Set<Digest>;
  tags: Set<string>;
  digests: Set<string>;
  createdAtMs: number;
  taggedAtMs: number | undefined;
  /** Built when asked for; dropped by every change. */
  record: ImageRecord | undefined;
}

export function createImageMemory(): ImageMemory {
  const entries = new Map<ImageId, Entry>();
  const tags = new Map<string, NameTarget>();
  /** In order of arrival, the newest last. */
  const digests = new Map<string, Set<ImageId>>();
  const blobs = createCounts<Digest>();
  const layers = createCounts<ChainId>();

  const recordOf = (id: ImageId, entry: Entry): ImageRecord => (entry.record ??= toRecord(id, entry));
  const changed = (id: ImageId | undefined): Entry | undefined => {
    const entry = id && entries.get(id);
    if (entry) entry.record = undefined;
    return entry;
  };
  const removeName = (name: ImageName): void => {
    if ('tag' in name) {
      changed(tags.get(name.tag)?.image)?.tags.delete(name.tag);
      tags.delete(name.tag);
      return;
    }
    changed(name.image)?.digests.delete(name.digest);
    const images = digests.get(name.digest);
    images?.delete(name.image);
    if (images?.size === 0) digests.delete(name.digest);
  };

  return {
    list: () =>
      [...entries]
        .map(([id, entry]) => recordOf(id, entry))
        .toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1)),
    find(id) {
      const entry = entries.get(id);
      return entry && recordOf(id, entry);
    },
    findByPrefix: (hex) => [...entries.keys()].filter((id) => id.startsWith(`sha256:${hex}`)),
    findTag: (name) => tags.get(name),
    findDigest: (name) => [...(digests.get(name) ?? [])].at(-1),
    layerSizes: (id) => entries.get(id)?.layers.map((layer) => layer.sizeBytes) ?? [],
    blobsOf: (id) => [...(entries.get(id)?.blobs ?? [])],
    hasBlob: (digest) => blobs.has(digest),
    hasLayer: (chainId) => layers.has(chainId),
    put(image, createdAtMs, taggedAtMs) {
      const known = entries.get(image.id);
      for (const digest of image.blobs) if (!known?.blobs.has(digest)) blobs.add(digest);
      if (!known) for (const { chainId } of image.layers) layers.add(chainId);
      const entry: Entry = {
        manifestDigest: known?.manifestDigest ?? image.manifestDigest,
        config: known?.config ?? image.config,
        parent: known?.parent ?? image.parent,
        layers: image.layers,
        blobs: new Set([...(known?.blobs ?? []), ...image.blobs]),
        tags: known?.tags ?? new Set(),
        digests: known?.digests ?? new Set(),
        createdAtMs,
        taggedAtMs: taggedAtMs ?? known?.taggedAtMs,
        record: undefined,
      };
      entries.set(image.id, entry);
      return recordOf(image.id, entry);
    },
    setTag(name, target, taggedAtMs) {
      removeName({ tag: name });
      tags.set(name, target);
      const entry = changed(target.image);
      entry?.tags.add(name);
      if (entry && taggedAtMs !== undefined) entry.taggedAtMs = taggedAtMs;
    },
    addDigest(name, image) {
      const images = digests.get(name) ?? new Set();
      images.delete(image);
      digests.set(name, images.add(image));
      changed(image)?.digests.add(name);
    },
    removeName,
    remove(id) {
      const entry = entries.get(id);
      if (!entry) return;
      for (const tag of entry.tags) removeName({ tag });
      for (const digest of entry.digests) removeName({ digest, image: id });
      for (const digest of entry.blobs) blobs.remove(digest);
      for (const { chainId } of entry.layers) layers.remove(chainId);
      entries.delete(id);
    },
  };
}

function toRecord(id: ImageId, entry: Entry): ImageRecord {
  return {
    id,
    manifestDigest: entry.manifestDigest,
    tags: [...entry.tags].toSorted(),
    digests: [...entry.digests].toSorted(),
    config: entry.config,
    ...(entry.parent ? { parent: entry.parent } : {}),
    layers: entry.layers.map((layer) => layer.chainId),
    sizeBytes: entry.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    createdAtMs: entry.createdAtMs,
    ...(entry.taggedAtMs === undefined ? {} : { taggedAtMs: entry.taggedAtMs }),
  };
}

interface Counts<Key> {
  add(key: Key): void;
  remove(key: Key): void;
  has(key: Key): boolean;
}

function createCounts<Key>(): Counts<Key> {
  const counts = new Map<Key, number>();
  return {
    add: (key) => void counts.set(key, (counts.get(key) ?? 0) + 1),
    remove(key) {
      const left = (counts.get(key) ?? 1) - 1;
      if (left === 0) counts.delete(key);
      else counts.set(key, left);
    },
    has: (key) => counts.has(key),
  };
}
