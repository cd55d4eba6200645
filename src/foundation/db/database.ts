import { constants as sqliteFlags, Database as Sqlite, type SQLQueryBindings } from 'bun:sqlite';
import { closeSync, constants, fdatasync, openSync, statfsSync, statSync } from 'node:fs';
import { copyFile, open as openFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
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

/**
 * A relaxed commit is in the write-ahead log but not yet on the disk; syncing the log is what an ordinary commit does more (sqlite.org/wal.html). What a checkpoint
 * has brought to the database's file it has synced itself. The log keeps its place for as long as the database is open.
 */
function createSyncer(log: string): Disposable & { sync(): Promise<void> } {
  let fd: number | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    fd ??= openSync(log, 'r');
    const syncing = syncData(fd);
    running = syncing.finally(() => (running = undefined));
    running.catch(() => undefined);
    return syncing;
  };
  return {
    sync() {
      if (!running) return begin();
      // The one that runs may have begun before the change.
      next ??= running
        .catch(() => undefined)
        .then(() => {
          next = undefined;
          return begin();
        });
      return next;
    },
    [Symbol.dispose]() {
      const open = fd;
      fd = undefined;
      if (open === undefined) return;
      void (running ?? Promise.resolve()).catch(() => undefined).then(() => closeSync(open));
    },
  };
}

const syncData = promisify(fdatasync);

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
  checkpoints.set(sqlite, (checkpoints.get(sqlite) ?? 0) + 1);
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
    if (isDamage(error)) throw error;
    throw conflict(`${path} is in use by another process`, {
      code: 'in-use',
      hint: 'another daemon runs with the same data root: stop it or give this one a different --data-root',
      cause: error,
    });
  }
}

/** How often each log was brought to its file by us: a copy that is under way is then void. */
const checkpoints = new WeakMap<Sqlite, number>();
/** SQLite's default: pages in the log after which a commit brings it to the file. */
const autoCheckpointPages = 1000;

function createBackups(
  sqlite: Sqlite,
  path: string,
): { make(target: string): Promise<boolean>; stop(): void } {
  let isClosed = false;
  let running: Promise<boolean> | undefined;
  const make = async (target: string): Promise<boolean> => {
    const staged = `${target}.new`;
    restartLog(sqlite);
    const before = checkpoints.get(sqlite);
    // Until it is switched on again no commit touches the file.
    sqlite.run('PRAGMA wal_autocheckpoint = 0');
    try {
      await rm(staged, { force: true });
      await copyFile(path, staged, constants.COPYFILE_FICLONE);
      {
        await using file = await openFile(staged, 'r+');
        await file.sync();
      }
      if (isClosed || checkpoints.get(sqlite) !== before || !isSound(staged)) return false;
      await rename(staged, target);
      return true;
    } catch (error) {
      if (isDiskFull(error)) return false;
      throw error;
    } finally {
      if (!isClosed) sqlite.run(`PRAGMA wal_autocheckpoint = ${autoCheckpointPages}`);
      await rm(staged, { force: true });
    }
  };
  return {
    make(target) {
      running ??= make(target).finally(() => (running = undefined));
      return running;
    },
    stop: () => void (isClosed = true),
  };
}

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

function refuseDamage(sqlite: Sqlite, path: string): void {
  if (isOk(sqlite)) return;
  sqlite.close();
  throw damaged(path);
}

function orDamaged<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isDamage(error) ? damaged(path, error) : error;
  }
}

function isDamage(error: unknown): boolean {
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
