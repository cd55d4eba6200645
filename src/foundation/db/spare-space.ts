import type { Database as Sqlite } from 'bun:sqlite';
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDiskFull } from '../base/errors.ts';
import { restartLog } from './write-ahead-log.ts';

const spareBytes = 1024 * 1024;

/**
 * Gives the write-ahead log this much space, and the database's file free pages as many, unless they have it: a table is written and dropped, in
 * transactions of their own, because pages that are freed in the transaction that took them are never written. On a disk that is nearly full only
 * free pages are taken: a log whose pages find no room in the database's file cannot be written over. A full disk is no reason not to open.
 */
export function keepSpareSpace(sqlite: Sqlite, path: string): void {
  try {
    // Left by a crash between the two.
    sqlite.run('DROP TABLE IF EXISTS spare_space');
    const pageBytes = numberOf(sqlite, 'page_size');
    // Less what a table needs besides its content.
    const free = (numberOf(sqlite, 'freelist_count') - 4) * (pageBytes - 4);
    const log = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    // Of the free pages some are in use again before long.
    const hasFree = free >= spareBytes / 2;
    if ((log >= spareBytes && hasFree) || (!hasFree && isNearlyFull(path))) return;
    const bytes = hasFree ? Math.min(free, spareBytes) : spareBytes;
    sqlite
      .transaction(() => {
        sqlite.run('CREATE TABLE spare_space (bytes BLOB)');
        sqlite.run(`INSERT INTO spare_space VALUES (zeroblob(${bytes}))`);
      })
      .immediate();
    sqlite.run('DROP TABLE spare_space');
    restartLog(sqlite);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

/** Whether growing both files might not succeed. */
function isNearlyFull(path: string): boolean {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize < 4 * spareBytes;
}

function numberOf(sqlite: Sqlite, pragma: 'freelist_count' | 'page_size'): number {
  return sqlite.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get()?.[pragma] ?? 0;
}
