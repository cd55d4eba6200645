import type { Database as Sqlite } from 'bun:sqlite';
import { constants } from 'node:fs';
import { copyFile, open as openFile, rename, rm } from 'node:fs/promises';
import { isDiskFull } from '../base/errors.ts';
import { isSound } from './damage.ts';
import { checkpointsOf, restartLog } from './write-ahead-log.ts';

/** SQLite's default: pages in the log after which a commit brings it to the file. */
const autoCheckpointPages = 1000;

/** Copies beside ordinary work, one at a time; see `Database.backup`. */
export function createBackups(
  sqlite: Sqlite,
  path: string,
): { make(target: string): Promise<boolean>; stop(): void } {
  let isClosed = false;
  let running: Promise<boolean> | undefined;
  const make = async (target: string): Promise<boolean> => {
    const staged = `${target}.new`;
    restartLog(sqlite);
    const before = checkpointsOf(sqlite);
    // Until it is switched on again no commit touches the file.
    sqlite.run('PRAGMA wal_autocheckpoint = 0');
    try {
      await rm(staged, { force: true });
      await copyFile(path, staged, constants.COPYFILE_FICLONE);
      {
        await using file = await openFile(staged, 'r+');
        await file.sync();
      }
      if (isClosed || checkpointsOf(sqlite) !== before || !isSound(staged)) return false;
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
