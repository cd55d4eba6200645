import { isKind } from '../../../foundation/base/errors.ts';
import type { Database } from '../../../foundation/db/database.ts';
import type { Digest, ImageId } from '../../../foundation/oci/digest.ts';
import type { ImageQueries } from '../../image/image.ts';

const tables = [
  `CREATE TABLE build_cache (key TEXT PRIMARY KEY, image TEXT NOT NULL, is_step INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE build_content (origin TEXT PRIMARY KEY, key TEXT NOT NULL, content TEXT NOT NULL) WITHOUT ROWID`,
  `CREATE INDEX build_content_key ON build_content (key)`,
];

/** Which image a piece of work led to. Rows say nothing about what the image needs: it is there, or the row counts as none. */
export interface BuildCache {
  /** An image that is there. */
  find(key: Digest): ImageId | undefined;
  keep(key: Digest, image: ImageId, options: { isStep: boolean }): void;
  /** What some files of a result come to: `origin` says which files, of the result of which key. */
  findContent(origin: Digest): string | undefined;
  /** While that image is the result of the key: for another one it is not kept, or forgotten. */
  keepContent(origin: Digest, of: { key: Digest; image: ImageId }, content: string): void;
  isStep(image: ImageId): boolean;
  /** What a build led to is no longer a mere step of another one: who removes steps leaves it. */
  keepResult(image: ImageId): void;
  /** All that is known, but of these images. */
  forgetAllBut(images: ReadonlySet<ImageId>): void;
}

export function openBuildCache(
  database: Database,
  images: Pick<ImageQueries, 'list' | 'resolve'>,
): BuildCache {
  database.migrate('build', tables);
  // Rows of images that are gone would stay for ever, and so would what is known of their files.
  const there = new Set<string>(images.list().map(({ id }) => id));
  for (const { image } of database.all<{ image: string }>('SELECT DISTINCT image FROM build_cache'))
    if (!there.has(image)) database.run('DELETE FROM build_cache WHERE image = ?', image);
  const dropOrphans = (): void =>
    void database.run('DELETE FROM build_content WHERE key NOT IN (SELECT key FROM build_cache)');
  dropOrphans();
  const steps = new Set(
    database
      .all<{ image: ImageId }>('SELECT image FROM build_cache WHERE is_step = 1')
      .map(({ image }) => image),
  );
  const isThere = (image: ImageId): boolean => {
    try {
      return images.resolve(image).id === image;
    } catch (error) {
      if (isKind(error, 'not-found')) return false;
      throw error;
    }
  };
  return {
    find(key) {
      const row = database.first<{ image: ImageId }>('SELECT image FROM build_cache WHERE key = ?', key);
      return row && isThere(row.image) ? row.image : undefined;
    },
    keep(key, image, { isStep }) {
      // What a power cut takes of it is found out again.
      database.transactionRelaxed(() => {
        database.run('DELETE FROM build_content WHERE key = ?', key);
        database.run(
          'INSERT INTO build_cache VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET image = excluded.image',
          key,
          image,
          isStep ? 1 : 0,
        );
      });
      if (isStep) steps.add(image);
    },
    findContent: (origin) =>
      database.first<{ content: string }>('SELECT content FROM build_content WHERE origin = ?', origin)
        ?.content,
    keepContent: (origin, { key, image }, content) =>
      void database.runRelaxed(
        'INSERT OR REPLACE INTO build_content SELECT ?, key, ? FROM build_cache WHERE key = ? AND image = ?',
        origin,
        content,
        key,
        image,
      ),
    isStep: (image) => steps.has(image),
    keepResult(image) {
      if (!steps.delete(image)) return;
      database.runRelaxed('UPDATE build_cache SET is_step = 0 WHERE image = ?', image);
    },
    forgetAllBut(kept) {
      const rows = database.all<{ key: string; image: ImageId }>('SELECT key, image FROM build_cache');
      for (const { key, image } of rows)
        if (!kept.has(image)) {
          database.run('DELETE FROM build_cache WHERE key = ?', key);
          steps.delete(image);
        }
      dropOrphans();
    },
  };
}
