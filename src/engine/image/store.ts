import type { Database } from '../../foundation/db/database.ts';
import type { ChainId, Digest, ImageId } from '../../foundation/oci/digest.ts';
import type { ImageConfig } from '../../foundation/oci/image-config.ts';
import type { ImageRecord } from './image.ts';

/**
 * The records of images: four tables, and all of them in memory, so that reads never touch the disk. `publish` is the one point at which an
 * image begins to exist: whoever calls it has every blob and layer in place. Blobs and layers that no row reaches are swept.
 */
export interface ImageStore {
  /** Newest first. */
  list(): ImageRecord[];
  find(id: ImageId): ImageRecord | undefined;
  /** Ids that begin with these hexadecimal digits. */
  findByPrefix(hex: string): ImageId[];
  /** What the canonical name points at. */
  findName(name: string): NameTarget | undefined;
  /** The image known by `repository@digest`; the newest one when several platforms share an index. */
  findDigest(name: string): ImageId | undefined;
  /** Adds or completes the image and points the names at it, in one transaction. */
  publish(image: NewImage, names: ImageNamesToSet, nowMs: number): ImageRecord;
  /** Points a further name at the image; takes it from the image that had it. */
  setName(name: string, target: NameTarget, nowMs: number): void;
  /** Removes the names and the image itself when `image` says so, in one transaction. */
  remove(names: readonly ImageName[], image?: ImageId): void;
  /** Blobs that the image's manifests need, and chain ids of its layers. */
  reaches(id: ImageId): { blobs: ReadonlySet<Digest>; layers: readonly ChainId[] } | undefined;
  /** Sizes of the image's layers, lowest first. */
  layerSizes(id: ImageId): readonly number[];
}

export interface NameTarget {
  image: ImageId;
  /** Digest of what the name meant where it came from: an index or a manifest. */
  target: Digest;
}

export interface NewImage {
  id: ImageId;
  manifestDigest: Digest;
  config: ImageConfig;
  layers: { chainId: ChainId; sizeBytes: number }[];
  /** Everything in the content store that belongs to it: index, manifest, configuration, layers. */
  blobs: Digest[];
}

export interface ImageNamesToSet {
  tags: string[];
  /** Canonical `repository@digest`. */
  digests: string[];
  /** Digest that the tags mean; the manifest's when absent. */
  target?: Digest;
}

export type ImageName = { tag: string } | { digest: string; image: ImageId };

const tables = [
  `CREATE TABLE image (
    id TEXT PRIMARY KEY,
    manifest TEXT NOT NULL,
    config TEXT NOT NULL,
    layers TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    tagged_at_ms INTEGER
  ) WITHOUT ROWID;
  CREATE TABLE image_blob (
    image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    PRIMARY KEY (image, digest)
  ) WITHOUT ROWID;
  CREATE TABLE image_tag (
    name TEXT PRIMARY KEY,
    image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    target TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE image_digest (
    name TEXT NOT NULL,
    image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    PRIMARY KEY (name, image)
  ) WITHOUT ROWID`,
];

interface Entry {
  manifestDigest: Digest;
  config: ImageConfig;
  layers: readonly { chainId: ChainId; sizeBytes: number }[];
  blobs: Set<Digest>;
  tags: Set<string>;
  digests: Set<string>;
  createdAtMs: number;
  taggedAtMs: number | undefined;
  /** Built when asked for; dropped by every change. */
  record: ImageRecord | undefined;
}

interface Memory {
  entries: Map<ImageId, Entry>;
  tags: Map<string, NameTarget>;
  /** Insertion order: the newest last. */
  digests: Map<string, Set<ImageId>>;
}

export function createImageStore(database: Database): ImageStore {
  database.migrate('image', tables);
  const memory = load(database);
  const { entries, tags, digests } = memory;
  const recordOf = (id: ImageId): ImageRecord | undefined => {
    const entry = entries.get(id);
    if (entry) entry.record ??= toRecord(id, entry);
    return entry?.record;
  };
  return {
    list: () =>
      [...entries.keys()]
        .flatMap((id) => recordOf(id) ?? [])
        .toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1)),
    find: recordOf,
    findByPrefix: (hex) => [...entries.keys()].filter((id) => id.startsWith(`sha256:${hex}`)),
    findName: (name) => tags.get(name),
    findDigest: (name) => [...(digests.get(name) ?? [])].at(-1),
    publish(image, names, nowMs) {
      database.transaction(() => write(database, image, names, nowMs));
      remember(memory, image, names, nowMs);
      const record = recordOf(image.id);
      if (!record) throw new Error('an image that was just stored is gone');
      return record;
    },
    setName(name, target, nowMs) {
      database.transaction(() => writeTag(database, name, target, nowMs));
      rememberTag(memory, name, target, nowMs);
    },
    remove(names, image) {
      database.transaction(() => {
        for (const name of names)
          if ('tag' in name) database.run('DELETE FROM image_tag WHERE name = ?', name.tag);
          else database.run('DELETE FROM image_digest WHERE name = ? AND image = ?', name.digest, name.image);
        if (image) database.run('DELETE FROM image WHERE id = ?', image);
      });
      for (const name of names) forgetName(memory, name);
      if (image) forgetImage(memory, image);
    },
    reaches(id) {
      const entry = entries.get(id);
      return entry && { blobs: entry.blobs, layers: entry.layers.map((layer) => layer.chainId) };
    },
    layerSizes: (id) => entries.get(id)?.layers.map((layer) => layer.sizeBytes) ?? [],
  };
}

function load(database: Database): Memory {
  const memory: Memory = { entries: new Map(), tags: new Map(), digests: new Map() };
  type ImageRow = Record<'id' | 'manifest' | 'config' | 'layers', string> & {
    created_at_ms: number;
    tagged_at_ms: number | null;
  };
  for (const row of database.all<ImageRow>('SELECT * FROM image'))
    memory.entries.set(row.id as ImageId, {
      manifestDigest: row.manifest as Digest,
      config: JSON.parse(row.config) as ImageConfig,
      layers: JSON.parse(row.layers) as NewImage['layers'],
      blobs: new Set(),
      tags: new Set(),
      digests: new Set(),
      createdAtMs: row.created_at_ms,
      taggedAtMs: row.tagged_at_ms ?? undefined,
      record: undefined,
    });
  for (const row of database.all<{ image: ImageId; digest: Digest }>('SELECT image, digest FROM image_blob'))
    memory.entries.get(row.image)?.blobs.add(row.digest);
  for (const { name, ...target } of database.all<NameTarget & { name: string }>(
    'SELECT name, image, target FROM image_tag',
  )) {
    memory.tags.set(name, target);
    memory.entries.get(target.image)?.tags.add(name);
  }
  for (const row of database.all<{ name: string; image: ImageId }>('SELECT name, image FROM image_digest'))
    rememberDigest(memory, row.name, row.image);
  return memory;
}

function write(database: Database, image: NewImage, names: ImageNamesToSet, nowMs: number): void {
  database.run(
    `INSERT INTO image (id, manifest, config, layers, created_at_ms) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET layers = excluded.layers`,
    image.id,
    image.manifestDigest,
    JSON.stringify(image.config),
    JSON.stringify(image.layers),
    createdAtMs(image.config),
  );
  for (const digest of image.blobs)
    database.run('INSERT OR IGNORE INTO image_blob (image, digest) VALUES (?, ?)', image.id, digest);
  const target = { image: image.id, target: names.target ?? image.manifestDigest };
  for (const tag of names.tags) writeTag(database, tag, target, nowMs);
  for (const name of names.digests)
    database.run('INSERT OR IGNORE INTO image_digest (name, image) VALUES (?, ?)', name, image.id);
}

function writeTag(database: Database, name: string, target: NameTarget, nowMs: number): void {
  database.run(
    `INSERT INTO image_tag (name, image, target) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET image = excluded.image, target = excluded.target`,
    name,
    target.image,
    target.target,
  );
  database.run('UPDATE image SET tagged_at_ms = ? WHERE id = ?', nowMs, target.image);
}

function remember(memory: Memory, image: NewImage, names: ImageNamesToSet, nowMs: number): void {
  const known = memory.entries.get(image.id);
  const entry: Entry = known ?? {
    manifestDigest: image.manifestDigest,
    config: image.config,
    layers: image.layers,
    blobs: new Set(),
    tags: new Set(),
    digests: new Set(),
    createdAtMs: createdAtMs(image.config),
    taggedAtMs: undefined,
    record: undefined,
  };
  entry.layers = image.layers;
  entry.record = undefined;
  for (const digest of image.blobs) entry.blobs.add(digest);
  memory.entries.set(image.id, entry);
  const target = { image: image.id, target: names.target ?? image.manifestDigest };
  for (const tag of names.tags) rememberTag(memory, tag, target, nowMs);
  for (const name of names.digests) rememberDigest(memory, name, image.id);
}

function rememberTag(memory: Memory, name: string, target: NameTarget, nowMs: number): void {
  forgetName(memory, { tag: name });
  memory.tags.set(name, target);
  const entry = memory.entries.get(target.image);
  if (!entry) return;
  entry.tags.add(name);
  entry.taggedAtMs = nowMs;
  entry.record = undefined;
}

function rememberDigest(memory: Memory, name: string, image: ImageId): void {
  const images = memory.digests.get(name) ?? new Set();
  images.delete(image);
  memory.digests.set(name, images.add(image));
  const entry = memory.entries.get(image);
  if (!entry) return;
  entry.digests.add(name);
  entry.record = undefined;
}

function forgetName(memory: Memory, name: ImageName): void {
  const image = 'tag' in name ? memory.tags.get(name.tag)?.image : name.image;
  const entry = image && memory.entries.get(image);
  if (entry) entry.record = undefined;
  if ('tag' in name) {
    entry?.tags.delete(name.tag);
    memory.tags.delete(name.tag);
    return;
  }
  entry?.digests.delete(name.digest);
  const images = memory.digests.get(name.digest);
  images?.delete(name.image);
  if (images?.size === 0) memory.digests.delete(name.digest);
}

/** As the cascade in the database does. */
function forgetImage(memory: Memory, id: ImageId): void {
  const entry = memory.entries.get(id);
  for (const tag of entry?.tags ?? []) forgetName(memory, { tag });
  for (const digest of entry?.digests ?? []) forgetName(memory, { digest, image: id });
  memory.entries.delete(id);
}

function toRecord(id: ImageId, entry: Entry): ImageRecord {
  return {
    id,
    manifestDigest: entry.manifestDigest,
    tags: [...entry.tags].toSorted(),
    digests: [...entry.digests].toSorted(),
    config: entry.config,
    layers: entry.layers.map((layer) => layer.chainId),
    sizeBytes: entry.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    createdAtMs: entry.createdAtMs,
    ...(entry.taggedAtMs === undefined ? {} : { taggedAtMs: entry.taggedAtMs }),
  };
}

/** The year 1 to Go is what an absent time is; 0 here. */
function createdAtMs(config: ImageConfig): number {
  const time = Date.parse(config.created ?? '');
  return Number.isFinite(time) ? time : 0;
}
