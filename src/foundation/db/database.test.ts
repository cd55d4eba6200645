import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from './database.ts';
import { isSound } from './damage.ts';

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

test('a backup made beside commits is whole, as of its beginning, and replaces the last one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-backup-'));
  try {
    const target = join(folder, 'x.backup');
    using database = openDatabase(join(folder, 'x.db'), { exclusive: true });
    database.migrate('t', ['CREATE TABLE t (a TEXT)']);
    for (let row = 0; row < 500; row++) database.run('INSERT INTO t VALUES (?)', 'x'.repeat(500));
    const running = database.backup(target);
    for (let row = 0; row < 2000; row++) database.runRelaxed('INSERT INTO t VALUES (?)', 'y'.repeat(5000));
    expect(await running).toBe(true);
    expect(isSound(target)).toBe(true);
    const countOf = (path: string): number => {
      using copy = openDatabase(path, { exclusive: true });
      return copy.first<{ n: number }>('SELECT count(*) AS n FROM t')?.n ?? -1;
    };
    expect(countOf(target)).toBe(500);
    expect(await database.backup(target)).toBe(true);
    expect(countOf(target)).toBe(2500);
    expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('damage is refused with a way out, whether in a page or as a whole', () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-damage-'));
  try {
    const path = join(folder, 'x.db');
    {
      using database = openDatabase(path);
      database.migrate('t', ['CREATE TABLE t (a TEXT)']);
      for (let row = 0; row < 500; row++) database.run('INSERT INTO t VALUES (?)', 'x'.repeat(500));
    }
    const bytes = readFileSync(path);
    for (let page = 4096; page < bytes.length; page += 4096) bytes.fill(0xa5, page, page + 16);
    for (const content of [bytes, Buffer.from('garbage'.repeat(1000))]) {
      writeFileSync(path, content);
      expect(isSound(path)).toBe(false);
      expect(() => openDatabase(path, { exclusive: true, checked: true })).toThrow(
        `the database ${path} is damaged`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what was written with little ceremony is brought to the disk together, and never refused for asking at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'silo-db-'));
  try {
    using database = openDatabase(join(folder, 'd'), { exclusive: true });
    database.run('CREATE TABLE t (v TEXT)');
    const all: Promise<void>[] = [];
    for (let row = 0; row < 50; row++) {
      database.transactionRelaxed(() => database.run('INSERT INTO t VALUES (?)', String(row)));
      all.push(database.durable());
    }
    await Promise.all(all);
    // One that ran, and one for all who came meanwhile.
    expect(new Set(all).size).toBeLessThanOrEqual(2);
    expect(database.first<{ n: number }>('SELECT count(*) AS n FROM t')?.n).toBe(50);
    await database.durable();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
