import type { Database } from '../../../foundation/db/database.ts';
import type { Digest, ImageId } from '../../../foundation/oci/digest.ts';
import type { ImageQueries } from '../../image/image.ts';

const tables = [
  `CREATE TABLE build_cache (key TEXT PRIMARY KEY, image TEXT NOT NULL, is_step INTEGER NOT NULL) WITHOUT ROWID`,
];

/** Which image a piece of work led to. Rows say nothing about what the image needs: it is there, or the row counts as none. */
export interface BuildCache {
  find(key: Digest): ImageId | undefined;
  keep(key: Digest, image: ImageId, options: { isStep: boolean }): void;
  isStep(image: ImageId): boolean;
}

export function openBuildCache(database: Database, images: Pick<ImageQueries, 'list'>): BuildCache {
  database.migrate('build', tables);
  // Rows of images that are gone would stay for ever.
  const there = new Set<string>(images.list().map(({ id }) => id));
  for (const { image } of database.all<{ image: string }>('SELECT DISTINCT image FROM build_cache'))
    if (!there.has(image)) database.run('DELETE FROM build_cache WHERE image = ?', image);
  const steps = new Set(
    database
      .all<{ image: ImageId }>('SELECT image FROM build_cache WHERE is_step = 1')
      .map(({ image }) => image),
  );
  return {
    find: (key) =>
      database.first<{ image: ImageId }>('SELECT image FROM build_cache WHERE key = ?', key)?.image,
    keep(key, image, { isStep }) {
      database.run(
        'INSERT INTO build_cache VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET image = excluded.image',
        key,
        image,
        isStep ? 1 : 0,
      );
      if (isStep) steps.add(image);
    },
    isStep: (image) => steps.has(image),
  };
}
