import type { ContainerId } from '../../../foundation/base/ids.ts';
import type { Database } from '../../../foundation/db/database.ts';
import type { ContainerRecord } from '../container.ts';

/** The annotation of containers of builds; images cannot bring it along as they can labels. One that is there when the engine starts belongs to a build that died. */
export const stepMark = 'silo.build.step';

/** Steps of the table `container`, after the one that made it. A record that is no JSON fails no step. The order of creation is a number: a clock may jump. */
export const shelfSteps: readonly string[] = [
  `ALTER TABLE container ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE container ADD COLUMN at_rest INTEGER NOT NULL DEFAULT 0;
  UPDATE container SET sequence = place.number FROM
    (SELECT id, row_number() OVER (ORDER BY created_at_ms, id) AS number FROM container) AS place
    WHERE container.id = place.id;
  UPDATE container SET at_rest = 1
    WHERE CASE WHEN json_valid(record) THEN
      record ->> '$.state.status' IN ('created', 'exited') AND record -> '$.config.autoRemove' = 'false'
        AND record ->> '$.config.restart.name' IN ('', 'no')
      ELSE 0 END;
  CREATE INDEX container_start ON container (sequence, name, at_rest)`,
  `UPDATE container SET at_rest = 0
    WHERE CASE WHEN json_valid(record) THEN record -> '$.config.annotations."silo.build.step"' IS NOT NULL ELSE 0 END`,
];

/** How many records are parsed in one turn of the event loop. */
const sliceRecords = 100;

interface Entry {
  name: string;
  atRest: boolean;
  /** Absent until somebody asks; false when it cannot be read. */
  record: ContainerRecord | false | undefined;
}

/**
 * All records in memory, in the order of their creation. A start reads ids and names only, from an index: ten thousand records that nobody asks for
 * must not delay it. `warm` parses the rest in small slices.
 */
export interface Shelf {
  find(id: ContainerId): ContainerRecord | undefined;
  has(id: ContainerId): boolean;
  nameOf(id: ContainerId): string | undefined;
  ids(): Iterable<ContainerId>;
  entries(): Iterable<[ContainerId, { name: string }]>;
  /** Newest first. */
  list(): ContainerRecord[];
  /** Those that a start must look at: see `isAtRest`. Newest first. */
  active(): ContainerRecord[];
  put(record: ContainerRecord, atRest: boolean): void;
  delete(id: ContainerId): void;
  wasAtRest(id: ContainerId): boolean;
  nextSequence(): number;
  /** Those whose record cannot be read: they are as good as absent, but keep their names. */
  damaged(): { id: ContainerId; name: string }[];
  /** Shows each record once, as it is then. */
  warm(visit: (record: ContainerRecord) => void): Disposable;
}

export function openShelf(database: Database): Shelf {
  const entries = new Map<ContainerId, Entry>();
  let sequence = 0;
  for (const row of database.all<{ sequence: number; id: ContainerId; name: string; at_rest: number }>(
    'SELECT sequence, id, name, at_rest FROM container ORDER BY sequence, name',
  )) {
    entries.set(row.id, { name: row.name, atRest: row.at_rest === 1, record: undefined });
    sequence = Math.max(sequence, row.sequence);
  }
  const load = (id: ContainerId, entry: Entry): ContainerRecord | undefined =>
    (entry.record ??= read(database, id)) || undefined;

  return {
    find(id) {
      const entry = entries.get(id);
      return entry && load(id, entry);
    },
    has: (id) => entries.has(id),
    nameOf: (id) => entries.get(id)?.name,
    ids: () => entries.keys(),
    entries: () => entries,
    list: () => [...entries].flatMap(([id, entry]) => load(id, entry) ?? []).toReversed(),
    active: () =>
      [...entries]
        .filter(([, { atRest }]) => !atRest)
        .flatMap(([id, entry]) => load(id, entry) ?? [])
        .toReversed(),
    put: (record, atRest) => void entries.set(record.id, { name: record.name, atRest, record }),
    delete: (id) => void entries.delete(id),
    wasAtRest: (id) => entries.get(id)?.atRest ?? false,
    nextSequence: () => ++sequence,
    damaged: () =>
      [...entries].flatMap(([id, entry]) =>
        load(id, entry) === undefined ? [{ id, name: entry.name }] : [],
      ),
    warm(visit) {
      const ids = [...entries.keys()].values();
      let turn: ReturnType<typeof setImmediate> | undefined;
      const step = (): void => {
        turn = undefined;
        for (let count = 0; count < sliceRecords; count++) {
          const { value: id, done } = ids.next();
          if (done) return;
          const entry = entries.get(id);
          const record = entry && load(id, entry);
          if (record) visit(record);
        }
        turn = setImmediate(step).unref();
      };
      turn = setImmediate(step).unref();
      return { [Symbol.dispose]: () => clearImmediate(turn) };
    },
  };
}

function read(database: Database, id: ContainerId): ContainerRecord | false {
  const row = database.first<{ record: string }>('SELECT record FROM container WHERE id = ?', id);
  try {
    return row === undefined ? false : (JSON.parse(row.record) as ContainerRecord);
  } catch {
    return false;
  }
}
