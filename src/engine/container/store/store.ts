import { nearest } from '../../../foundation/base/nearest.ts';
import { conflict, invalid, notFound } from '../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { Database } from '../../../foundation/db/database.ts';
import type { ContainerRecord } from '../container.ts';
import { startsWithEngine } from '../life/restart-policy.ts';
import { openShelf, shelfSteps, stepMark } from './shelf.ts';

/**
 * The records: one row each, all of them in memory too (`shelf.ts`), so that reads do not touch the disk. `insert` and `remove` of the row are the points at
 * which a container begins and ends to exist; files without a row are swept at start.
 */
export interface ContainerStore {
  /** Full id, name (a leading slash is fine) or unambiguous prefix of an id. Not-found with Docker's text. */
  get(nameOrId: string): ContainerRecord;
  find(id: ContainerId): ContainerRecord | undefined;
  has(id: ContainerId): boolean;
  /** Newest first. */
  list(): ContainerRecord[];
  /** Those that are not at rest, newest first: all that run, end, restart or go with their end. */
  active(): ContainerRecord[];
  /** Those that cannot be read and are not listed. */
  damaged(): { id: ContainerId; name: string }[];
  /** Reads the records that nobody asked for yet, in the background, and shows all. */
  warm(visit: (record: ContainerRecord) => void): Disposable;
  /** Keeps the name for a container being made; `conflict` when taken. Disposing gives it back unless inserted. */
  reserveName(name: string, id: ContainerId): Disposable;
  /** Its volumes are no longer doomed. To be acknowledged once `durable` has resolved. */
  insert(record: ContainerRecord): void;
  /** Stores the changed record and returns it. */
  update(id: ContainerId, change: Partial<Omit<ContainerRecord, 'id'>>): ContainerRecord;
  /** The same for what a power cut voids: that it runs. Survives the death of the engine. */
  updateRunning(id: ContainerId, change: Partial<Omit<ContainerRecord, 'id' | 'name'>>): ContainerRecord;
  /** Dooms the volumes in the same transaction. To be acknowledged once `durable` has resolved. */
  remove(id: ContainerId, options?: { doomedVolumes: readonly string[] }): void;
  /** What was inserted and removed so far survives a power cut. */
  durable(): Promise<void>;
  /**
   * Volumes that go with a container that is being made or removed. No user knows their names, so what a crash leaves of them is removed at the next
   * start, unless a container has them.
   */
  doomedVolumes: { add(name: string): void; delete(name: string): void; list(): string[] };
}

const tables = [
  `CREATE TABLE container (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    record TEXT NOT NULL
  ) WITHOUT ROWID`,
  `CREATE TABLE doomed_volume (name TEXT PRIMARY KEY) WITHOUT ROWID`,
  // Containers from before they could have several places on networks have the one of their mode.
  `UPDATE container SET record = json_set(record, '$.config.network.endpoints', iif(
    record ->> '$.config.network.mode' IN ('none', 'host') OR record ->> '$.config.network.mode' LIKE 'container:%',
    json_object(),
    json_object(
      iif(record ->> '$.config.network.mode' IN ('', 'default'), 'bridge', record ->> '$.config.network.mode'),
      json('{"aliases":[],"links":[],"linkLocalAddresses":[],"driverOptions":{},"gatewayPriority":0}')
    )
  )) WHERE CASE WHEN json_valid(record) THEN record -> '$.config.network.endpoints' IS NULL ELSE 0 END`,
];

const doom = 'INSERT OR IGNORE INTO doomed_volume (name) VALUES (?)';
const spare = 'DELETE FROM doomed_volume WHERE name = ?';

export function createContainerStore(database: Database): ContainerStore {
  database.migrate('container', [...tables, ...shelfSteps]);
  const shelf = openShelf(database);
  const names = new Map<string, ContainerId>();
  for (const [id, { name }] of shelf.entries()) names.set(name, id);

  const byPrefix = (prefix: string): ContainerRecord | undefined => {
    if (!/^[0-9a-f]{1,64}$/.test(prefix)) return undefined;
    let found: ContainerId | undefined;
    for (const id of shelf.ids()) {
      if (!id.startsWith(prefix)) continue;
      if (found)
        throw invalid(`multiple IDs found with provided prefix: ${prefix}`, { code: 'ambiguous-id' });
      found = id;
    }
    return found && shelf.find(found);
  };

  const mustFind = (id: ContainerId): ContainerRecord => {
    const record = shelf.find(id);
    if (!record) throw notFound(`No such container: ${id}`, { code: 'no-such-container' });
    return record;
  };

  /** The columns of the index only when they change: a row's record changes with every start and end. */
  const write = (run: Database['run'], before: ContainerRecord, record: ContainerRecord): void => {
    const atRest = isAtRest(record);
    const text = JSON.stringify(record);
    if (before.name === record.name && atRest === shelf.wasAtRest(record.id))
      run('UPDATE container SET record = ? WHERE id = ?', text, record.id);
    else
      run(
        'UPDATE container SET name = ?, at_rest = ?, record = ? WHERE id = ?',
        record.name,
        atRest ? 1 : 0,
        text,
        record.id,
      );
    shelf.put(record, atRest);
  };

  return {
    get(nameOrId) {
      const byId = shelf.find(nameOrId as ContainerId);
      if (byId) return byId;
      const named = names.get(nameOrId.replace(/^\//, ''));
      const record = (named && shelf.find(named)) ?? byPrefix(nameOrId);
      if (!record)
        throw notFound(`No such container: ${nameOrId}`, {
          code: 'no-such-container',
          hint: whoIsThere(nameOrId, names.keys()),
        });
      return record;
    },
    find: (id) => shelf.find(id),
    has: (id) => shelf.has(id),
    list: () => shelf.list(),
    active: () => shelf.active(),
    damaged: () => shelf.damaged(),
    warm: (visit) => shelf.warm(visit),
    reserveName(name, id) {
      const holder = names.get(name);
      if (holder && holder !== id)
        throw conflict(
          `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
          { code: 'name-taken' },
        );
      names.set(name, id);
      return {
        [Symbol.dispose]() {
          if (shelf.nameOf(id) !== name && names.get(name) === id) names.delete(name);
        },
      };
    },
    insert(record) {
      const atRest = isAtRest(record);
      database.transactionRelaxed(() => {
        database.run(
          'INSERT INTO container (id, name, created_at_ms, record, sequence, at_rest) VALUES (?, ?, ?, ?, ?, ?)',
          record.id,
          record.name,
          record.createdAtMs,
          JSON.stringify(record),
          shelf.nextSequence(),
          atRest ? 1 : 0,
        );
        for (const { name } of record.mounts) if (name !== undefined) database.run(spare, name);
      });
      shelf.put(record, atRest);
      names.set(record.name, record.id);
    },
    updateRunning(id, change) {
      const before = mustFind(id);
      const record: ContainerRecord = { ...before, ...change };
      write((sql, ...values) => database.runRelaxed(sql, ...values), before, record);
      return record;
    },
    update(id, change) {
      const before = mustFind(id);
      const record: ContainerRecord = { ...before, ...change };
      write((sql, ...values) => database.run(sql, ...values), before, record);
      if (before.name !== record.name && names.get(before.name) === id) names.delete(before.name);
      names.set(record.name, id);
      return record;
    },
    remove(id, { doomedVolumes } = { doomedVolumes: [] }) {
      database.transactionRelaxed(() => {
        database.run('DELETE FROM container WHERE id = ?', id);
        for (const name of doomedVolumes) database.run(doom, name);
      });
      const name = shelf.nameOf(id);
      shelf.delete(id);
      if (name !== undefined && names.get(name) === id) names.delete(name);
    },
    durable: () => database.durable(),
    doomedVolumes: {
      add: (name) => void database.runRelaxed(doom, name),
      delete: (name) => void database.runRelaxed(spare, name),
      list: () => database.all<{ name: string }>('SELECT name FROM doomed_volume').map(({ name }) => name),
    },
  };
}

/** Nothing has to be done for it when the engine starts: it does not run, nobody wants it to, and it does not go with its end. */
function isAtRest({ state, config, restartCount }: ContainerRecord): boolean {
  if (config.autoRemove || config.annotations[stepMark] !== undefined) return false;
  if (state.status === 'created') return true;
  return state.status === 'exited' && !startsWithEngine(config.restart, { ...state, restartCount });
}

/** Names are looked through on the event loop; in a crowd nobody remembers them anyway. */
const mostCompared = 2_000;

function whoIsThere(asked: string, names: Iterable<string>): string {
  const near = nearest(asked, Iterator.from(names).take(mostCompared));
  return near.length > 0 ? `did you mean ${near.join(', ')}?` : '`silo ps -a` lists all containers';
}
