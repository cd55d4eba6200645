import { conflict, notFound } from '../../foundation/base/errors.ts';
import type { ContainerId } from '../../foundation/base/ids.ts';
import type { Database } from '../../foundation/db/database.ts';
import type { ContainerRecord } from './container.ts';

/**
 * The records: one row each, all of them in memory too, so that reads never touch the disk. `insert` and `remove` of the row are the points at
 * which a container begins and ends to exist; files without a row are swept at start.
 */
export interface ContainerStore {
  /** Full id, name (a leading slash is fine) or unambiguous prefix of an id. Not-found with Docker's text. */
  get(nameOrId: string): ContainerRecord;
  find(id: ContainerId): ContainerRecord | undefined;
  /** Newest first. */
  list(): ContainerRecord[];
  /** Keeps the name for a container being made; `conflict` when taken. Disposing gives it back unless inserted. */
  reserveName(name: string, id: ContainerId): Disposable;
  /** Its volumes are no longer doomed. */
  insert(record: ContainerRecord): void;
  /** Stores the changed record and returns it. */
  update(id: ContainerId, change: Partial<Omit<ContainerRecord, 'id'>>): ContainerRecord;
  /** The same for what a power cut voids: that it runs. Survives the death of the engine. */
  updateRunning(id: ContainerId, change: Partial<Omit<ContainerRecord, 'id' | 'name'>>): ContainerRecord;
  /** Dooms the volumes in the same transaction. */
  remove(id: ContainerId, options?: { doomedVolumes: readonly string[] }): void;
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
  )) WHERE record -> '$.config.network.endpoints' IS NULL`,
];

const doom = 'INSERT OR IGNORE INTO doomed_volume (name) VALUES (?)';
const spare = 'DELETE FROM doomed_volume WHERE name = ?';

export function createContainerStore(database: Database): ContainerStore {
  database.migrate('container', tables);
  const records = new Map<ContainerId, ContainerRecord>();
  const names = new Map<string, ContainerId>();
  const rows = database.all<{ record: string }>('SELECT record FROM container ORDER BY created_at_ms');
  for (const row of rows) {
    const record = JSON.parse(row.record) as ContainerRecord;
    records.set(record.id, record);
    names.set(record.name, record.id);
  }

  const byPrefix = (prefix: string): ContainerRecord | undefined => {
    if (!/^[0-9a-f]{1,64}$/.test(prefix)) return undefined;
    let found: ContainerRecord | undefined;
    for (const [id, record] of records) {
      if (!id.startsWith(prefix)) continue;
      if (found)
        throw notFound(`multiple IDs found with provided prefix: ${prefix}`, { code: 'ambiguous-id' });
      found = record;
    }
    return found;
  };

  const mustFind = (id: ContainerId): ContainerRecord => {
    const record = records.get(id);
    if (!record) throw notFound(`No such container: ${id}`, { code: 'no-such-container' });
    return record;
  };

  return {
    get(nameOrId) {
      const byId = records.get(nameOrId as ContainerId);
      if (byId) return byId;
      const named = names.get(nameOrId.replace(/^\//, ''));
      const record = (named && records.get(named)) ?? byPrefix(nameOrId);
      if (!record) throw notFound(`No such container: ${nameOrId}`, { code: 'no-such-container' });
      return record;
    },
    find: (id) => records.get(id),
    list: () => [...records.values()].toReversed(),
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
          if (records.get(id)?.name !== name && names.get(name) === id) names.delete(name);
        },
      };
    },
    insert(record) {
      database.transaction(() => {
        database.run(
          'INSERT INTO container (id, name, created_at_ms, record) VALUES (?, ?, ?, ?)',
          record.id,
          record.name,
          record.createdAtMs,
          JSON.stringify(record),
        );
        for (const { name } of record.mounts) if (name !== undefined) database.run(spare, name);
      });
      records.set(record.id, record);
      names.set(record.name, record.id);
    },
    updateRunning(id, change) {
      const record: ContainerRecord = { ...mustFind(id), ...change };
      database.runRelaxed('UPDATE container SET record = ? WHERE id = ?', JSON.stringify(record), id);
      records.set(id, record);
      return record;
    },
    update(id, change) {
      const before = mustFind(id);
      const record: ContainerRecord = { ...before, ...change };
      database.run(
        'UPDATE container SET name = ?, record = ? WHERE id = ?',
        record.name,
        JSON.stringify(record),
        id,
      );
      records.set(id, record);
      if (before.name !== record.name && names.get(before.name) === id) names.delete(before.name);
      names.set(record.name, id);
      return record;
    },
    remove(id, { doomedVolumes } = { doomedVolumes: [] }) {
      database.transaction(() => {
        database.run('DELETE FROM container WHERE id = ?', id);
        for (const name of doomedVolumes) database.run(doom, name);
      });
      const record = records.get(id);
      records.delete(id);
      if (record && names.get(record.name) === id) names.delete(record.name);
    },
    doomedVolumes: {
      add: (name) => void database.runRelaxed(doom, name),
      delete: (name) => void database.runRelaxed(spare, name),
      list: () => database.all<{ name: string }>('SELECT name FROM doomed_volume').map(({ name }) => name),
    },
  };
}
