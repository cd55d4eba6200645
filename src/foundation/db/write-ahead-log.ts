import type { Database as Sqlite } from 'bun:sqlite';
import { closeSync, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * A relaxed commit is in the write-ahead log but not yet on the disk; syncing the log is what an ordinary commit does more (sqlite.org/wal.html). What a checkpoint
 * has brought to the database's file it has synced itself. The log keeps its place for as long as the database is open.
 */
export function createSyncer(log: string): Disposable & { sync(): Promise<void> } {
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

/** Brings the log's pages to the database's file; the next transaction is written at the log's beginning. */
export function restartLog(sqlite: Sqlite): void {
  checkpoints.set(sqlite, checkpointsOf(sqlite) + 1);
  sqlite.query('PRAGMA wal_checkpoint(RESTART)').get();
}

/** How often each log was brought to its file by us: a copy that is under way is then void. */
const checkpoints = new WeakMap<Sqlite, number>();

export const checkpointsOf = (sqlite: Sqlite): number => checkpoints.get(sqlite) ?? 0;
