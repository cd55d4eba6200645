import { Database as Sqlite, type SQLQueryBindings } from 'bun:sqlite';
import { dirname } from 'node:path';
import { conflict, corrupt, diskFull, isDiskFull } from '../base/errors.ts';
import { isDamage, orDamaged, refuseDamage } from './damage.ts';
import { createSyncer, restartLog } from './write-ahead-log.ts';
import { keepSpareSpace } from './spare-space.ts';
import { createBackups } from './backups.ts';

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
  /** As `transaction`, and as relaxed as `runRelaxed`. Not inside another. */
  transactionRelaxed<T>(work: () => T): T;
  /**
   * Resolves when all that was committed so far, relaxed or not, survives the death of the machine. One wait for the disk, off the event loop, serves all
   * who ask meanwhile: a crowd of changes costs a few of them, and holds nobody else up.
   */
  durable(): Promise<void>;
  /** All statements of `work` take effect, or none. May be nested. `work` is run again when the disk was full at first: it only touches the database. */
  transaction<T>(work: () => T): T;
  /**
   * Brings one owner's tables up to date: runs the steps after the version recorded for `owner`, in order, in one
   * transaction. Steps are only ever appended.
   */
  migrate(owner: string, steps: readonly string[]): void;
  /**
   * Writes a copy of the whole, as of now, beside ordinary work: commits go to the log while the file is copied off the event loop. The copy is checked
   * and replaces `target` at once. False when something (a full disk, the end of this process) came between: then `target` is as it was.
   */
  backup(target: string): Promise<boolean>;
}

export interface DatabaseOptions {
  relaxed?: boolean;
  exclusive?: boolean;
  /** Read through the file at opening and refuse it (kind `corrupt`) when it is damaged: a millisecond for each megabyte. */
  checked?: boolean;
}

/**
 * Opens or creates the file. `synchronous=FULL`: what a commit acknowledged survives a power cut (design: "acknowledged
 * means durable"). `relaxed` commits survive the death of the process, not of the machine: for state that a reboot voids.
 * A durable database keeps some space on the disk for itself, so that rows can be deleted and changed when the disk is full (kind `exhausted` beyond that).
 * `exclusive` refuses (kind `conflict`) while another process has the file open so; the kernel gives the lock back when the holder dies.
 */
export function openDatabase(path: string, options: DatabaseOptions = {}): Database {
  return orDamaged(path, () => open(path, options));
}

function open(path: string, options: DatabaseOptions): Database {
  const sqlite = new Sqlite(path, { create: true, strict: true });
  if (options.exclusive) takeExclusively(sqlite, path);
  sqlite.run('PRAGMA journal_mode = WAL');
  sqlite.run('PRAGMA synchronous = NORMAL');
  sqlite.run('PRAGMA foreign_keys = ON');
  sqlite.run('PRAGMA busy_timeout = 5000');
  // The default, but what makes the file keep its space: after a checkpoint the log is written over from its beginning.
  sqlite.run('PRAGMA journal_size_limit = -1');
  if (options.checked) refuseDamage(sqlite, path);
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
  const backups = createBackups(sqlite, path);
  const syncer = createSyncer(`${path}-wal`);
  const relaxed = <T>(work: () => T): T => {
    if (options.relaxed) return work();
    sqlite.run('PRAGMA synchronous = NORMAL');
    try {
      return work();
    } finally {
      sqlite.run('PRAGMA synchronous = FULL');
    }
  };
  const database: Database = {
    all: <Row>(sql: string, ...values: SqlValue[]) =>
      orDamaged(path, () => sqlite.query<Row, SQLQueryBindings[]>(sql).all(...values)),
    first: <Row>(sql: string, ...values: SqlValue[]) =>
      orDamaged(path, () => sqlite.query<Row, SQLQueryBindings[]>(sql).get(...values) ?? undefined),
    run: (sql, ...values) =>
      withSpareSpace(() =>
        orDamaged(path, () => sqlite.query<unknown, SQLQueryBindings[]>(sql).run(...values).changes),
      ),
    runRelaxed: (sql, ...values) => relaxed(() => database.run(sql, ...values)),
    transactionRelaxed: (work) => relaxed(() => database.transaction(work)),
    durable: () => (options.relaxed || path === ':memory:' ? Promise.resolve() : syncer.sync()),
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
    backup: (target) => backups.make(target),
    [Symbol.dispose]() {
      backups.stop();
      syncer[Symbol.dispose]();
      sqlite.close();
    },
  };
  return database;
}

function takeExclusively(sqlite: Sqlite, path: string): void {
  sqlite.run('PRAGMA busy_timeout = 200');
  sqlite.run('PRAGMA locking_mode = EXCLUSIVE');
  try {
    sqlite.run('BEGIN EXCLUSIVE');
    sqlite.run('COMMIT');
  } catch (error) {
    sqlite.close();
    if (isDamage(error)) throw error;
    throw conflict(`${path} is in use by another process`, {
      code: 'in-use',
      hint: 'another daemon runs with the same data root: stop it or give this one a different --data-root',
      cause: error,
    });
  }
}
