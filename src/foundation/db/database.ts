import { Database as Sqlite, type SQLQueryBindings } from 'bun:sqlite';
import { conflict, corrupt } from '../base/errors.ts';

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
  /** All statements of `work` take effect, or none. May be nested. */
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
 * `exclusive` refuses (kind `conflict`) while another process has the file open so; the kernel gives the lock back when the holder dies.
 */
export function openDatabase(
  path: string,
  options: { relaxed?: boolean; exclusive?: boolean } = {},
): Database {
  const sqlite = new Sqlite(path, { create: true, strict: true });
  if (options.exclusive) takeExclusively(sqlite, path);
  sqlite.run('PRAGMA journal_mode = WAL');
  sqlite.run(`PRAGMA synchronous = ${options.relaxed ? 'NORMAL' : 'FULL'}`);
  sqlite.run('PRAGMA foreign_keys = ON');
  sqlite.run('PRAGMA busy_timeout = 5000');
  sqlite.run('CREATE TABLE IF NOT EXISTS schema_version (owner TEXT PRIMARY KEY, version INTEGER NOT NULL)');
  const database: Database = {
    all: <Row>(sql: string, ...values: SqlValue[]) =>
      sqlite.query<Row, SQLQueryBindings[]>(sql).all(...values),
    first: <Row>(sql: string, ...values: SqlValue[]) =>
      sqlite.query<Row, SQLQueryBindings[]>(sql).get(...values) ?? undefined,
    run: (sql, ...values) => sqlite.query<unknown, SQLQueryBindings[]>(sql).run(...values).changes,
    runRelaxed(sql, ...values) {
      if (options.relaxed) return database.run(sql, ...values);
      sqlite.run('PRAGMA synchronous = NORMAL');
      try {
        return database.run(sql, ...values);
      } finally {
        sqlite.run('PRAGMA synchronous = FULL');
      }
    },
    transaction: (work) => sqlite.transaction(work).immediate(),
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
