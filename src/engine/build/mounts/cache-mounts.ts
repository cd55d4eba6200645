import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { toSiloError } from '../../../foundation/base/errors.ts';
import { faultPoint } from '../../../foundation/base/fault.ts';
import type { Log } from '../../../foundation/base/log.ts';
import { removeFolder } from '../../../foundation/base/remove-folder.ts';
import type { Database } from '../../../foundation/db/database.ts';
import { openTrash } from '../../../resources/snapshot/trash.ts';
import { createTurns, type Sharing } from './turns.ts';

/** A folder that builds keep for `RUN --mount=type=cache`. */
export interface CacheMount {
  id: string;
  /** As the Dockerfile calls it: its `id`, or else its target. */
  name: string;
  /** As measured after its last use. */
  sizeBytes: number;
  createdAtMs: number;
  usedAtMs: number;
  uses: number;
  inUse: boolean;
}

export interface WantedCache {
  /** Equal keys may have the same folder. */
  key: string;
  name: string;
  sharing: Sharing;
  /** Of an empty one. */
  mode: number;
  uid: number;
  gid: number;
  /** Fills a new one: makes the folder `_data` in this folder. Without it a new one is empty. */
  seed?: (directory: string) => Promise<void>;
}

/**
 * Folders of the data root that outlive builds. One is whole or not there at every moment: made beside its place, named, then noted; forgotten, then
 * renamed away. All of them together are bounded; those that were not used for longest go first.
 */
export interface CacheMounts {
  open(wanted: WantedCache, signal?: AbortSignal): Promise<{ id: string; path: string; release(): void }>;
  list(): CacheMount[];
  /** Those in use stay. */
  prune(isWanted: (cache: CacheMount) => boolean): Promise<CacheMount[]>;
  /** When all that was released is measured and what was too much is gone. */
  settled(): Promise<void>;
}

type Row = Omit<CacheMount, 'inUse'> & { key: string };

const tables = [
  `CREATE TABLE build_cache_mounts (id TEXT PRIMARY KEY, key TEXT NOT NULL, name TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL, used_at_ms INTEGER NOT NULL, uses INTEGER NOT NULL) WITHOUT ROWID`,
];

export async function openCacheMounts(deps: {
  database: Database;
  directory: string;
  /** Allocated bytes below a folder. */
  measure: (path: string) => Promise<number>;
  maxBytes: number;
  log: Log;
  now: () => number;
}): Promise<CacheMounts> {
  const { database, directory, measure, maxBytes, log, now } = deps;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const trash = await openTrash(join(directory, trashName), log);
  database.migrate('build-cache-mounts', tables);
  const rows = await readRows(database, directory, (path) => trash.discard(path));
  let measuring: Promise<void> = Promise.resolve();

  const save = (row: Row): void => {
    database.run(
      `INSERT INTO build_cache_mounts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
        size_bytes = excluded.size_bytes, used_at_ms = excluded.used_at_ms, uses = excluded.uses`,
      row.id,
      row.key,
      row.name,
      row.sizeBytes,
      row.createdAtMs,
      row.usedAtMs,
      row.uses,
    );
    rows.set(row.id, row);
  };
  /** What it was used for is not worth a failure. */
  const note = (row: Row): void => {
    try {
      save(row);
    } catch (error) {
      rows.set(row.id, row);
      log.warn(`the use of build cache ${row.name} is not recorded: ${toSiloError(error).message}`);
    }
  };
  const forget = async (row: Row): Promise<void> => {
    database.run('DELETE FROM build_cache_mounts WHERE id = ?', row.id);
    rows.delete(row.id);
    faultPoint('build.cache.forgotten');
    await trash.discard(join(directory, row.id));
  };

  const make = async (id: string, wanted: WantedCache): Promise<void> => {
    const staged = join(directory, `new-${id}`);
    try {
      await mkdir(staged, { mode: 0o700 });
      await (wanted.seed ? wanted.seed(staged) : makeEmpty(staged, wanted));
      faultPoint('build.cache.staged');
      await rename(staged, join(directory, id));
      faultPoint('build.cache.named');
      const { key, name } = wanted;
      save({ id, key, name, sizeBytes: 0, createdAtMs: now(), usedAtMs: now(), uses: 0 });
    } catch (error) {
      await removeFolder(staged);
      await trash.discard(join(directory, id));
      throw error;
    }
  };
  const turns = createTurns({
    idsOf: (key) => byUse(rows).flatMap((row) => (row.key === key ? [row.id] : [])),
    newId: () => randomBytes(16).toString('hex'),
  });

  const remeasure = async (id: string): Promise<void> => {
    try {
      const sizeBytes = rows.has(id) ? await measure(join(directory, id)) : 0;
      // While it was measured it may have been used again, or removed.
      const row = rows.get(id);
      if (row) note({ ...row, sizeBytes });
      let total = [...rows.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      const oldestFirst = byUse(rows).toReversed();
      // For one that is too large by itself all others would go, and then it, too.
      const isTooLarge = ({ sizeBytes }: Row): boolean => sizeBytes > maxBytes;
      const order = [...oldestFirst.filter(isTooLarge), ...oldestFirst.filter((row) => !isTooLarge(row))];
      for (const old of order) {
        if (total <= maxBytes) return;
        if (!rows.has(old.id) || turns.isHeld(old.id)) continue;
        total -= old.sizeBytes;
        await forget(old);
      }
    } catch (error) {
      log.warn(`measuring build caches: ${toSiloError(error).message}`);
    }
  };

  const toCache = ({ id, name, sizeBytes, createdAtMs, usedAtMs, uses }: Row): CacheMount => ({
    id,
    name,
    sizeBytes,
    createdAtMs,
    usedAtMs,
    uses,
    inUse: turns.isHeld(id),
  });
  return {
    async open(wanted, signal) {
      const turn = await turns.take(wanted.key, wanted.sharing, {
        make: (id) => make(id, wanted),
        signal,
      });
      const row = rows.get(turn.id);
      if (row) note({ ...row, usedAtMs: now(), uses: row.uses + 1 });
      let isOver = false;
      return {
        id: turn.id,
        path: join(directory, turn.id, dataName),
        release() {
          if (isOver) return;
          isOver = true;
          turn.end();
          measuring = measuring.then(() => remeasure(turn.id));
        },
      };
    },
    list: () => byUse(rows).map(toCache),
    async prune(isWanted) {
      // So that it can be told how much went.
      await measuring;
      const removed: CacheMount[] = [];
      for (const row of byUse(rows)) {
        // Somebody may have taken it, or removed it, while the one before went.
        if (!rows.has(row.id) || turns.isHeld(row.id) || !isWanted(toCache(row))) continue;
        await forget(row);
        removed.push(toCache(row));
      }
      await trash.idle();
      return removed;
    },
    settled: () => measuring.then(() => trash.idle()),
  };
}

/** What a cache mount shows; beside it nothing of the container's ever is. */
const dataName = '_data';
const trashName = 'removed';

/** The one that was used last comes first. */
const byUse = (rows: ReadonlyMap<string, Row>): Row[] =>
  [...rows.values()].toSorted((a, b) => b.usedAtMs - a.usedAtMs);

async function makeEmpty(
  directory: string,
  { mode, uid, gid }: Pick<WantedCache, 'mode' | 'uid' | 'gid'>,
): Promise<void> {
  const path = join(directory, dataName);
  await mkdir(path, { mode: 0o700 });
  await chown(path, uid, gid);
  await chmod(path, mode);
}

/** Rows and folders that have each other; the others are of an engine that died, or lost with a power cut. */
async function readRows(
  database: Database,
  directory: string,
  discard: (path: string) => Promise<void>,
): Promise<Map<string, Row>> {
  const names = new Set(await readdir(directory));
  const found = database
    .all<Row>(
      `SELECT id, key, name, size_bytes AS sizeBytes, created_at_ms AS createdAtMs, used_at_ms AS usedAtMs, uses
        FROM build_cache_mounts`,
    )
    .filter((row) => {
      if (names.has(row.id)) return true;
      database.run('DELETE FROM build_cache_mounts WHERE id = ?', row.id);
      return false;
    });
  const rows = new Map(found.map((row) => [row.id, row]));
  for (const name of names) if (name !== trashName && !rows.has(name)) await discard(join(directory, name));
  return rows;
}
