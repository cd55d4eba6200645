import type { Database } from '../../../foundation/db/database.ts';
import type { ImageId } from '../../../foundation/oci/digest.ts';

const tables = [
  `CREATE TABLE image_use (image TEXT PRIMARY KEY, used_at_ms INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE image_pin (image TEXT PRIMARY KEY) WITHOUT ROWID`,
];

/** When images were last used, and which ones their user wants to keep. Rows of images that are gone do no harm. */
export interface ImageUses {
  used(id: ImageId, atMs: number): void;
  lastUse(id: ImageId): number;
  pin(id: ImageId): void;
  unpin(id: ImageId): void;
  isPinned(id: ImageId): boolean;
  forget(id: ImageId): void;
}

export function openImageUses(database: Database): ImageUses {
  database.migrate('cleaning', tables);
  return {
    used: (id, atMs) =>
      void database.runRelaxed(
        'INSERT INTO image_use VALUES (?, ?) ON CONFLICT (image) DO UPDATE SET used_at_ms = excluded.used_at_ms',
        id,
        atMs,
      ),
    lastUse: (id) =>
      database.first<{ at: number }>('SELECT used_at_ms AS at FROM image_use WHERE image = ?', id)?.at ?? 0,
    pin: (id) => void database.run('INSERT OR IGNORE INTO image_pin VALUES (?)', id),
    unpin: (id) => void database.run('DELETE FROM image_pin WHERE image = ?', id),
    isPinned: (id) => database.first('SELECT 1 FROM image_pin WHERE image = ?', id) !== undefined,
    forget(id) {
      database.run('DELETE FROM image_use WHERE image = ?', id);
      database.run('DELETE FROM image_pin WHERE image = ?', id);
    },
  };
}
