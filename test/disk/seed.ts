import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '../../src/foundation/db/database.ts';

interface Row {
  id: string;
  name: string;
  created_at_ms: number;
  record: string;
}

/**
 * Copies of one stopped container in the data root of an engine that does not run: rows and folders as `create` makes them, without its thousands of
 * synchronous writes. Returns the ids, oldest first.
 */
export function seedContainers(dataRoot: string, template: string, count: number): string[] {
  using database = openDatabase(join(dataRoot, 'silo.db'), { exclusive: true });
  const found = database.first<Row>('SELECT * FROM container WHERE name = ?1 OR id = ?1', template);
  if (!found) throw new Error(`no container ${template} to copy`);
  const ids = Array.from({ length: count }, () => randomBytes(32).toString('hex'));
  const columns = Object.keys(found);
  database.transaction(() => {
    for (const [index, id] of ids.entries()) {
      const copy: Record<string, string | number> = {
        ...found,
        id,
        name: `${found.name}-${index}`,
        created_at_ms: found.created_at_ms + index + 1,
        ...('sequence' in found ? { sequence: Number(found.sequence) + index + 1 } : {}),
        record: JSON.stringify({
          ...(JSON.parse(found.record.replaceAll(found.id, id)) as object),
          name: `${found.name}-${index}`,
          createdAtMs: found.created_at_ms + index + 1,
        }),
      };
      database.run(
        `INSERT INTO container (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
        ...columns.map((column) => copy[column] ?? null),
      );
    }
  });
  for (const id of ids) copyFolders(dataRoot, found.id, id);
  return ids;
}

function copyFolders(dataRoot: string, from: string, to: string): void {
  mkdirSync(join(dataRoot, 'containers', to), { mode: 0o700 });
  const source = join(dataRoot, 'snapshots/containers', from);
  const target = join(dataRoot, 'snapshots/containers', to);
  mkdirSync(target, { mode: 0o700 });
  for (const entry of readdirSync(source, { withFileTypes: true }))
    if (entry.isDirectory()) mkdirSync(join(target, entry.name), { mode: 0o755 });
    else if (existsSync(join(source, entry.name)))
      copyFileSync(join(source, entry.name), join(target, entry.name));
}
