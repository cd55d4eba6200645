import { toSiloError } from '../../foundation/base/errors.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { Database } from '../../foundation/db/database.ts';

const intervalMs = 10 * 60_000;

/** A copy of the database every ten minutes in which it changed, and at an orderly end. It is what `silo fsck --rebuild-db` restores. */
export function keepBackup(deps: { database: Database; path: string; log: Log }): AsyncDisposable {
  const { database, path, log } = deps;
  const changes = (): number =>
    database.first<{ count: number }>('SELECT total_changes() AS count')?.count ?? 0;
  let saved = -1;
  const save = async (): Promise<void> => {
    const count = changes();
    if (count === saved) return;
    try {
      if (await database.backup(path)) saved = count;
    } catch (error) {
      log.warn(`backup of the database: ${toSiloError(error).message}`);
    }
  };
  const timer = setInterval(() => void save(), intervalMs).unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await save();
    },
  };
}
