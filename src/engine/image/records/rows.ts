import type { Database } from '../../../foundation/db/database.ts';
import type { Digest, ImageId } from '../../../foundation/oci/digest.ts';
import type { ImageConfig } from '../../../foundation/oci/image-config.ts';
import type { ImageForm } from '../image.ts';
import type { ImageName, NameTarget, NewImage, StoredLayer } from './records.ts';

/** The tables of images. Steps are only ever appended. */
export const tables: readonly string[] = [
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
  CREATE INDEX image_tag_image ON image_tag (image);
  CREATE TABLE image_digest (
    image TEXT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (image, name)
  ) WITHOUT ROWID`,
  'ALTER TABLE image ADD COLUMN parent TEXT',
  `ALTER TABLE image ADD COLUMN form TEXT NOT NULL DEFAULT 'unpacked';
  ALTER TABLE image ADD COLUMN content_bytes INTEGER NOT NULL DEFAULT 0`,
];

export interface Rows {
  images: { image: NewImage; createdAtMs: number; taggedAtMs: number | undefined }[];
  tags: (NameTarget & { name: string })[];
  digests: { name: string; image: ImageId }[];
}

interface ImageRow {
  id: ImageId;
  manifest: Digest;
  config: string;
  parent: ImageId | null;
  layers: string;
  form: ImageForm;
  content_bytes: number;
  created_at_ms: number;
  tagged_at_ms: number | null;
}

export function readRows(database: Database): Rows {
  const blobs = new Map<ImageId, Digest[]>();
  for (const row of database.all<{ image: ImageId; digest: Digest }>(
    'SELECT image, digest FROM image_blob',
  )) {
    const list = blobs.get(row.image);
    if (list) list.push(row.digest);
    else blobs.set(row.image, [row.digest]);
  }
  return {
    images: database.all<ImageRow>('SELECT * FROM image').map((row) => ({
      image: {
        id: row.id,
        manifestDigest: row.manifest,
        config: JSON.parse(row.config) as ImageConfig,
        ...(row.parent === null ? {} : { parent: row.parent }),
        form: row.form,
        contentBytes: row.content_bytes,
        layers: JSON.parse(row.layers) as NewImage['layers'],
        blobs: blobs.get(row.id) ?? [],
      },
      createdAtMs: row.created_at_ms,
      taggedAtMs: row.tagged_at_ms ?? undefined,
    })),
    tags: database.all('SELECT name, image, target FROM image_tag'),
    digests: database.all('SELECT name, image FROM image_digest'),
  };
}

export function writeImage(
  database: Database,
  image: NewImage,
  createdAtMs: number,
  digests: readonly string[],
): void {
  database.run(
    `INSERT INTO image (id, manifest, config, parent, form, content_bytes, layers, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET layers = excluded.layers, form = excluded.form`,
    image.id,
    image.manifestDigest,
    JSON.stringify(image.config),
    image.parent ?? null,
    image.form,
    image.contentBytes,
    JSON.stringify(image.layers),
    createdAtMs,
  );
  for (const digest of image.blobs)
    database.run('INSERT OR IGNORE INTO image_blob (image, digest) VALUES (?, ?)', image.id, digest);
  for (const name of digests) writeDigest(database, name, image.id);
}

export function writeUnpacked(database: Database, id: ImageId, layers: readonly StoredLayer[]): void {
  database.run(`UPDATE image SET form = 'unpacked', layers = ? WHERE id = ?`, JSON.stringify(layers), id);
}

export function removeBlobRow(database: Database, image: ImageId, digest: Digest): void {
  database.run('DELETE FROM image_blob WHERE image = ? AND digest = ?', image, digest);
}

export function writeDigest(database: Database, name: string, image: ImageId): void {
  database.run('INSERT OR IGNORE INTO image_digest (image, name) VALUES (?, ?)', image, name);
}

export function writeTag(database: Database, name: string, target: NameTarget, nowMs: number): void {
  database.run(
    `INSERT INTO image_tag (name, image, target) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET image = excluded.image, target = excluded.target`,
    name,
    target.image,
    target.target,
  );
  database.run('UPDATE image SET tagged_at_ms = ? WHERE id = ?', nowMs, target.image);
}

export function removeRows(database: Database, names: readonly ImageName[], image?: ImageId): void {
  database.transaction(() => {
    for (const name of names)
      if ('tag' in name) database.run('DELETE FROM image_tag WHERE name = ?', name.tag);
      else database.run('DELETE FROM image_digest WHERE image = ? AND name = ?', name.image, name.digest);
    if (image) database.run('DELETE FROM image WHERE id = ?', image);
  });
}
