import { copyFile, mkdir, readdir, rename } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { syncDirectory } from '../../foundation/base/atomic-file.ts';
import { conflict, isKind, notFound } from '../../foundation/base/errors.ts';
import { randomHexId } from '../../foundation/base/ids.ts';
import { openDatabase } from '../../foundation/db/database.ts';
import { isSound } from '../../foundation/db/damage.ts';

export const backupName = 'silo.db.backup';

/**
 * The way out of a damaged database, while no engine runs: the last good backup takes its place (an empty one where there is none), the old files are
 * kept in `lost+found`, and so are folders of containers that the backup does not know, which the next start would take for leftovers. Volumes are
 * adopted at the next start, layers and blobs are there for the next pull. Returns what was done, a sentence each.
 */
export async function rebuildDatabase(dataRoot: string): Promise<string[]> {
  const at = (...names: string[]): string => join(dataRoot, ...names);
  if (!existsSync(at('silo.db')))
    throw notFound(`there is no database in ${dataRoot}`, {
      code: 'no-database',
      hint: 'name the data root: silo fsck --rebuild-db --data-root DIR',
    });
  refuseRunning(at('silo.db'));
  const place = at('lost+found', `database.${randomHexId().slice(0, 8)}`);
  await mkdir(place, { recursive: true, mode: 0o700 });
  const done: string[] = [];
  // The backup is copied first: a death in between leaves the old database, or none, which a second run takes for none.
  const restored = at('silo.db.restored');
  const hasBackup = isSound(at(backupName));
  if (hasBackup) await copyFile(at(backupName), restored);
  for (const name of ['silo.db', 'silo.db-wal', 'silo.db-shm'])
    await moveIfThere(at(name), join(place, name));
  done.push(`the old database is kept in ${place}`);
  if (hasBackup) await rename(restored, at('silo.db'));
  done.push(
    hasBackup
      ? 'the last good backup is the database now: what was made or removed since then is as it was before'
      : 'there is no good backup: the database begins empty; pull images again, volumes are adopted by name',
  );
  await syncDirectory(dataRoot);
  const known = hasBackup ? containersOf(at('silo.db')) : new Set<string>();
  for (const folder of ['containers', 'snapshots/containers'])
    for (const name of await readdir(at(folder)).catch(() => [])) {
      if (known.has(name) || !/^[0-9a-f]{64}$/.test(name)) continue;
      const kept = join(place, folder.replace('/', '-'));
      await mkdir(kept, { recursive: true, mode: 0o700 });
      await rename(at(folder, name), join(kept, name));
      done.push(`${folder}/${name} is of a container that the database does not know: kept in ${kept}`);
    }
  return done;
}

function refuseRunning(path: string): void {
  try {
    openDatabase(path, { exclusive: true, checked: true })[Symbol.dispose]();
  } catch (error) {
    if (isKind(error, 'corrupt')) return;
    throw error;
  }
  throw conflict(`the database ${path} is not damaged`, {
    code: 'database-sound',
    hint: 'nothing was changed; `silo fsck` looks for other damage',
  });
}

function containersOf(path: string): Set<string> {
  using database = openDatabase(path, { exclusive: true });
  return new Set(database.all<{ id: string }>('SELECT id FROM container').map(({ id }) => id));
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
