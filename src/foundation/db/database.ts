import { Database as Sqlite, type SQLQueryBindings } from 'bun:sqlite';
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { conflict, corrupt, diskFull, isDiskFull } from '../base/errors.ts';

/** The values SQLite stores. */
export type SqlValue = string | number | bigint | Uint8Array | null;

/**
 * One SQLite database in WAL mode. All calls are synchronous and short; a transaction is a plain function without `await`,
 * so no other request can see it half-done.
 */
export interface Database extends Disposable {
  /** Rows of a query; statements are cached by their text. */
  all<Row>(sql: string, ...values: SqlValue[]): Row[];
  first<Row>(sql: string, ...values: SqlValue[]): Row | undefined;
  /** Runs a statement and returns the number of changed rows. */
  run(sql: string, ...values: SqlValue[]): number;
  /**
   * As `run`, but only the death of this process is survived, not that of the machine, until the next ordinary commit: for state that a reboot voids
   * anyway, such as which process runs. Not inside a transaction.
   */
  runRelaxed(sql: string, ...values: SqlValue[]): number;
  /** All statements of `work` take effect, or none. May be nested. `work` is run again when the disk was full at first: it only touches the database. */
  transaction<T>(work: () => T): T;
  /**
   * Brings one owner's tables up to date: runs the steps after the version recorded for `owner`, in order, in one
   * transaction. Steps are only ever appended.
   */
  migrate(owner: string, steps: readonly string[]): void;
}

/**
 * Opens or creates the file. `synchronous=FULL`: what a commit acknowledged survives a power cut (design: "acknowledged
 * means durable"). `relaxed` commits survive the death of the process, not of the machine: for state that a reboot voids.
 * A durable database keeps some space on the disk for itself, so that rows can be deleted and changed when the disk is full (kind `exhausted` beyond that).
 * `exclusive` refuses (kind `conflict`) while another process has the file open so; the kernel gives the lock back when the holder dies.
 */
export function openDatabase(
  path: string,
  options: { relaxed?: boolean; exclusive?: boolean } = {},
): Database {
  const sqlite = new Sqlite(path, { create: true, strict: true });
  if (options.exclusive) takeExclusively(sqlite, path);
  sqlite.run('PRAGMA journal_mode = WAL');
  sqlite.run('PRAGMA synchronous = NORMAL');
  sqlite.run('PRAGMA foreign_keys = ON');
  sqlite.run('PRAGMA busy_timeout = 5000');
  // The default, but what makes the file keep its space: after a checkpoint the log is written over from its beginning.
  sqlite.run('PRAGMA journal_size_limit = -1');
  if (!options.relaxed && path !== ':memory:') keepSpareSpace(sqlite, path);
  if (!options.relaxed) sqlite.run('PRAGMA synchronous = FULL');
  const withSpareSpace = <T>(work: () => T): T => {
    if (sqlite.inTransaction) return work();
    try {
      try {
        return work();
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        restartLog(sqlite);
        return work();
      }
    } catch (error) {
      if (!isDiskFull(error) || !(error instanceof Error)) throw error;
      throw diskFull(error.message, dirname(path), error);
    }
  };
  sqlite.run('CREATE TABLE IF NOT EXISTS schema_version (owner TEXT PRIMARY KEY, version INTEGER NOT NULL)');
  const database: Database = {
    all: <Row>(sql: string, ...values: SqlValue[]) =>
      sqlite.query<Row, SQLQueryBindings[]>(sql).all(...values),
    first: <Row>(sql: string, ...values: SqlValue[]) =>
      sqlite.query<Row, SQLQueryBindings[]>(sql).get(...values) ?? undefined,
    run: (sql, ...values) =>
      withSpareSpace(() => sqlite.query<unknown, SQLQueryBindings[]>(sql).run(...values).changes),
    runRelaxed(sql, ...values) {
      if (options.relaxed) return database.run(sql, ...values);
      sqlite.run('PRAGMA synchronous = NORMAL');
      try {
        return database.run(sql, ...values);
      } finally {
        sqlite.run('PRAGMA synchronous = FULL');
      }
    },
    transaction: (work) => withSpareSpace(() => sqlite.transaction(work).immediate()),
    migrate(owner, steps) {
      sqlite
        .transaction(() => {
          const row = database.first<{ version: number }>(
            'SELECT version FROM schema_version WHERE owner = ?',
            owner,
          );
          const from = row?.version ?? 0;
          if (from > steps.length)
            throw corrupt(`database ${path} was written by a newer Silo (${owner} version ${from})`, {
              hint: 'run the newer Silo, or restore the backup that was made before the upgrade',
            });
          for (const step of steps.slice(from)) sqlite.run(step);
          database.run(
            'INSERT INTO schema_version (owner, version) VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET version = excluded.version',
            owner,
            steps.length,
          );
        })
        .immediate();
    },
    [Symbol.dispose]: () => sqlite.close(),
  };
  return database;
}

const spareBytes = 1024 * 1024;

/**
 * Gives the write-ahead log this much space, and the database's file free pages as many, unless they have it: a table is written and dropped, in
 * transactions of their own, because pages that are freed in the transaction that took them are never written. On a disk that is nearly full only
 * free pages are taken: a log whose pages find no room in the database's file cannot be written over. A full disk is no reason not to open.
 */
function keepSpareSpace(sqlite: Sqlite, path: string): void {
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

/** Brings the log's pages to the database's file; the next transaction is written at the log's beginning. */
function restartLog(sqlite: Sqlite): void {
  sqlite.query('PRAGMA wal_checkpoint(RESTART)').get();
}

function takeExclusively(sqlite: Sqlite, path: string): void {
  sqlite.run('PRAGMA busy_timeout = 200');
  sqlite.run('PRAGMA locking_mode = EXCLUSIVE');
  try {
    sqlite.run('BEGIN EXCLUSIVE');
    sqlite.run('COMMIT');
  } catch (error) {
    sqlite.close();
    throw conflict(`${path} is in use by another process`, {
      code: 'in-use',
      hint: 'another daemon runs with the same data root: stop it or give this one a different --data-root',
      cause: error,
    });
  }
}
