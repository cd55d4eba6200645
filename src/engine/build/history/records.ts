import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict, notFound } from '../../../foundation/base/errors.ts';
import type { Database } from '../../../foundation/db/database.ts';

export interface BuildRecord {
  id: string;
  status: 'running' | 'done' | 'failed' | 'canceled' | 'lost';
  startedAtMs: number;
  endedAtMs?: number;
  /** Path in the context. */
  dockerfile: string;
  target?: string;
  platform?: string;
  tags: readonly string[];
  /** Names; values may be secrets. */
  arguments: readonly string[];
  steps: { total: number; done: number; cached: number };
  image?: string;
  digest?: string;
  error?: { message: string; step?: string; line?: number };
}

/** Records of builds, the latest first. */
export interface BuildRecords {
  list(): BuildRecord[];
  /** By its id, or the beginning of it; kind `not-found`, or `conflict` when it begins several. */
  get(id: string): BuildRecord;
  save(record: BuildRecord): void;
  remove(id: string): Promise<void>;
  /** Drops the oldest beyond the bound. */
  trim(): Promise<void>;
  logPath(id: string): string;
}

const tables = [
  `CREATE TABLE build_records (id TEXT PRIMARY KEY, started_at_ms INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID`,
];

export const mostRecords = 100;

export async function openBuildRecords(database: Database, directory: string): Promise<BuildRecords> {
  database.migrate('build-records', tables);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const logPath = (id: string): string => join(directory, `${id}.log`);
  const rows = (): BuildRecord[] =>
    database
      .all<{ record: string }>('SELECT record FROM build_records ORDER BY started_at_ms DESC, id')
      .map(({ record }) => JSON.parse(record) as BuildRecord);
  const save = (record: BuildRecord): void =>
    void database.run(
      'INSERT INTO build_records VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record',
      record.id,
      record.startedAtMs,
      JSON.stringify(record),
    );
  const remove = async (id: string): Promise<void> => {
    // The file first: one without a row would stay for ever.
    await rm(logPath(id), { force: true });
    database.run('DELETE FROM build_records WHERE id = ?', id);
  };
  for (const record of rows()) if (record.status === 'running') save({ ...record, status: 'lost' });
  const known = new Set(rows().map(({ id }) => `${id}.log`));
  for (const name of await readdir(directory))
    if (!known.has(name)) await rm(join(directory, name), { force: true });
  return {
    list: rows,
    get(id) {
      const found = rows().filter((record) => record.id === id || (id !== '' && record.id.startsWith(id)));
      const exact = found.find((record) => record.id === id) ?? found[0];
      if (exact === undefined)
        throw notFound(`no record of a build ${JSON.stringify(id.slice(0, 100))}`, {
          code: 'no-such-build',
          hint: 'silo build history lists them',
        });
      if (found.length > 1 && exact.id !== id)
        throw conflict(`several builds begin with ${id}`, { code: 'ambiguous-build' });
      return exact;
    },
    save,
    remove,
    async trim() {
      for (const { id, status } of rows().slice(mostRecords)) if (status !== 'running') await remove(id);
    },
    logPath,
  };
}
