import type { Database } from '../../../foundation/db/database.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';

export interface CacheUse {
  lastUsedAtMs: number;
  uses: number;
}

/** When builds last had which result. */
export interface CacheUses {
  /** Of a build that has ended. */
  note(images: Iterable<ImageId>, nowMs: number): void;
  all(): Map<ImageId, CacheUse>;
  /** Forgets those of images that are gone. */
  keepOnly(there: ReadonlySet<ImageId>): void;
}

const tables = [
  `CREATE TABLE build_uses (image TEXT PRIMARY KEY, last_used_at_ms INTEGER NOT NULL, uses INTEGER NOT NULL) WITHOUT ROWID`,
];

export function openCacheUses(database: Database): CacheUses {
  database.migrate('build-uses', tables);
  return {
    note(images, nowMs) {
      // What a power cut takes of it makes a result look older than it is, no more.
      database.transactionRelaxed(() => {
        for (const image of images)
          database.run(
            'INSERT INTO build_uses VALUES (?, ?, 1) ON CONFLICT (image) DO UPDATE SET last_used_at_ms = excluded.last_used_at_ms, uses = uses + 1',
            image,
            nowMs,
          );
      });
    },
    all: () =>
      new Map(
        database
          .all<{ image: ImageId; last_used_at_ms: number; uses: number }>('SELECT * FROM build_uses')
          .map(({ image, last_used_at_ms: lastUsedAtMs, uses }) => [image, { lastUsedAtMs, uses }]),
      ),
    keepOnly(there) {
      database.transactionRelaxed(() => {
        for (const { image } of database.all<{ image: ImageId }>('SELECT image FROM build_uses'))
          if (!there.has(image)) database.run('DELETE FROM build_uses WHERE image = ?', image);
      });
    },
  };
}
