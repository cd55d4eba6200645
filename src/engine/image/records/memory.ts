import type { ChainId, Digest, ImageId } from '../../../foundation/oci/digest.ts';
import type { Platform } from '../../../foundation/oci/descriptor.ts';
import type { ImageConfig } from '../../../foundation/oci/image-config.ts';
import { internal } from '../../../foundation/base/errors.ts';
import { bestFor, hostPlatform } from '../../../foundation/oci/platform.ts';
import type { ImageForm, ImageRecord } from '../image.ts';
import type { ImageName, ImageStore, NameTarget, NewImage, StoredLayer } from './records.ts';

/** What the tables hold, indexed by everything that is asked. Changed only after the transaction that changed the tables. */
export type ImageMemory = Pick<
  ImageStore,
  | 'list'
  | 'find'
  | 'findByPrefix'
  | 'findDigest'
  | 'layerSizes'
  | 'blobsOf'
  | 'withBlob'
  | 'hasBlob'
  | 'hasLayer'
  | 'setUnpacked'
  | 'removeBlob'
> & {
  get(id: ImageId): ImageRecord;
  /** With what is known of the image already: unpacked layers are not forgotten. */
  joined(image: NewImage): NewImage;
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
  form: ImageForm;
  contentBytes: number;
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
  /** Who has a blob, and which tags mean it. */
  const owners = new Map<Digest, Set<ImageId>>();
  const meanings = new Map<Digest, Set<string>>();
  const layers = createCounts<ChainId>();

  const recordOf = (id: ImageId, entry: Entry): ImageRecord =>
    (entry.record ??= toRecord(id, entry, namesOver(entry)));
  /** Tags that mean an index which has the image as a further platform. */
  const namesOver = (entry: Entry): string[] =>
    [...entry.blobs].flatMap((digest) =>
      [...(meanings.get(digest) ?? [])].filter((name) => !entry.tags.has(name)),
    );
  const forgetOwners = (digest: Digest | undefined): void => {
    for (const id of (digest && owners.get(digest)) ?? []) changed(id);
  };
  const changed = (id: ImageId | undefined): Entry | undefined => {
    const entry = id && entries.get(id);
    if (entry) entry.record = undefined;
    return entry;
  };
  const platformBy = (id: ImageId): Platform => {
    const { os = '', architecture = '', variant } = entries.get(id)?.config ?? {};
    return { os, architecture, ...(variant ? { variant } : {}) };
  };
  const removeName = (name: ImageName): void => {
    if ('tag' in name) {
      const target = tags.get(name.tag);
      if (!target) return;
      changed(target.image)?.tags.delete(name.tag);
      removeFrom(meanings, target.target, name.tag);
      forgetOwners(target.target);
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
    findDigest(name) {
      const ids = [...(digests.get(name) ?? [])];
      return ids.length > 1 ? (bestFor(hostPlatform(), ids, platformBy) ?? ids.at(-1)) : ids[0];
    },
    layerSizes: (id) => entries.get(id)?.layers.map((layer) => layer.sizeBytes) ?? [],
    blobsOf: (id) => [...(entries.get(id)?.blobs ?? [])],
    withBlob: (digest) =>
      [...(owners.get(digest) ?? [])].flatMap((id) => {
        const entry = entries.get(id);
        return entry ? [recordOf(id, entry)] : [];
      }),
    hasBlob: (digest) => owners.has(digest),
    get(id) {
      const entry = entries.get(id);
      if (!entry) throw internal(`image ${id} is not known`);
      return recordOf(id, entry);
    },
    joined(image) {
      const known = entries.get(image.id);
      return known?.form === 'unpacked' && image.form !== 'unpacked'
        ? { ...image, form: known.form, layers: known.layers }
        : image;
    },
    setUnpacked(id, unpacked) {
      const entry = changed(id);
      if (!entry) return;
      for (const { chainId } of unpacked) layers.add(chainId);
      for (const { chainId } of entry.layers) layers.remove(chainId);
      entry.form = 'unpacked';
      entry.layers = unpacked;
    },
    removeBlob(id, digest) {
      changed(id)?.blobs.delete(digest);
      removeFrom(owners, digest, id);
    },
    hasLayer: (chainId) => layers.has(chainId),
    put(image, createdAtMs, taggedAtMs) {
      const known = entries.get(image.id);
      for (const digest of image.blobs) addTo(owners, digest, image.id);
      for (const { chainId } of image.layers) layers.add(chainId);
      for (const { chainId } of known?.layers ?? []) layers.remove(chainId);
      const entry: Entry = {
        manifestDigest: known?.manifestDigest ?? image.manifestDigest,
        config: known?.config ?? image.config,
        parent: known?.parent ?? image.parent,
        form: image.form,
        contentBytes: known?.contentBytes ?? image.contentBytes,
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
      addTo(meanings, target.target, name);
      forgetOwners(target.target);
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
      for (const digest of entry.blobs) removeFrom(owners, digest, id);
      for (const { chainId } of entry.layers) layers.remove(chainId);
      entries.delete(id);
    },
  };
}

function addTo<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
}

function removeFrom<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}

function toRecord(id: ImageId, entry: Entry, variantOf: string[]): ImageRecord {
  return {
    id,
    manifestDigest: entry.manifestDigest,
    tags: [...entry.tags].toSorted(),
    digests: [...entry.digests].toSorted(),
    variantOf: variantOf.toSorted(),
    form: entry.form,
    config: entry.config,
    ...(entry.parent ? { parent: entry.parent } : {}),
    layers: entry.layers.map((layer) => layer.chainId),
    sizeBytes:
      entry.form === 'unpacked'
        ? entry.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0)
        : entry.contentBytes,
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
