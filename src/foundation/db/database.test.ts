import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from './database.ts';

const directory = mkdtempSync(join(tmpdir(), 'silo-db-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('a second process cannot open an exclusive database, and can once the first died', async () => {
  const path = join(directory, 'exclusive.db');
  const script = `
    const { openDatabase } = await import(${JSON.stringify(join(import.meta.dir, 'database.ts'))});
    try { openDatabase(${JSON.stringify(path)}, { exclusive: true }); console.log('opened'); }
    catch (error) { console.log(error.code); }`;
  const ask = async (): Promise<string> =>
    (await new Response(Bun.spawn([process.execPath, '-e', script]).stdout).text()).trim();
  {
    using database = openDatabase(path, { exclusive: true });
    database.migrate('t', ['CREATE TABLE t (x)']);
    expect(await ask()).toBe('in-use');
  }
  expect(await ask()).toBe('opened');
});

test('migrations run once each, and a newer file is refused', () => {
  const path = join(directory, 'migrate.db');
  {
    using database = openDatabase(path);
    database.migrate('a', ['CREATE TABLE a (x)']);
    database.migrate('a', ['CREATE TABLE a (x)', 'INSERT INTO a VALUES (7)']);
    expect(database.all<{ x: number }>('SELECT x FROM a')).toEqual([{ x: 7 }]);
  }
  using database = openDatabase(path);
  expect(() => database.migrate('a', [])).toThrow('newer Silo');
});

test('a transaction that throws leaves nothing', () => {
  using database = openDatabase(join(directory, 'transaction.db'));
  database.migrate('a', ['CREATE TABLE a (x)']);
  expect(() =>
    database.transaction(() => {
      database.run('INSERT INTO a VALUES (1)');
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(database.all('SELECT x FROM a')).toEqual([]);
});
