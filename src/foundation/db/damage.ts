import { constants as sqliteFlags, Database as Sqlite } from 'bun:sqlite';
import { corrupt } from '../base/errors.ts';

/** Whether the file is a database without damage. Alters nothing. */
export function isSound(path: string): boolean {
  let sqlite: Sqlite | undefined;
  try {
    const flags = sqliteFlags.SQLITE_OPEN_READONLY | sqliteFlags.SQLITE_OPEN_URI;
    sqlite = new Sqlite(`file:${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}?immutable=1`, flags);
    return isOk(sqlite);
  } catch {
    return false;
  } finally {
    sqlite?.close();
  }
}

function isOk(sqlite: Sqlite): boolean {
  return sqlite.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get()?.quick_check === 'ok';
}

export function refuseDamage(sqlite: Sqlite, path: string): void {
  if (isOk(sqlite)) return;
  sqlite.close();
  throw damaged(path);
}

export function orDamaged<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isDamage(error) ? damaged(path, error) : error;
  }
}

export function isDamage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ)/.test(code);
}

function damaged(path: string, cause?: unknown): Error {
  return corrupt(`the database ${path} is damaged`, {
    code: 'database-damaged',
    hint: 'stop the engine and run `silo fsck --rebuild-db`: it restores the last good backup and keeps what it replaces',
    cause,
  });
}
