import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../base/errors.ts';
import { openDatabase, type Database } from './database.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: a database on a full disk: a small tmpfs needs root');

describe.skipIf(!isRoot)('when the disk is full', () => {
  const disk = mkdtempSync(join(tmpdir(), 'silo-db-full-'));
  const path = join(disk, 'silo.db');
  const open = (): Database => openDatabase(path, { exclusive: true });
  beforeAll(() => {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'silo-full', disk]);
    expect(String(mounted.stderr)).toBe('');
  });
  afterAll(() => {
    spawnSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true });
  });

  /** Takes all the room; what is taken already stays. */
  const fill = (): void => {
    const file = openSync(join(disk, 'fill'), 'a');
    expect(() => {
      for (;;) writeSync(file, Buffer.alloc(4096));
    }).toThrow('ENOSPC');
    closeSync(file);
  };
  const count = (database: Database): number =>
    database.first<{ n: number }>('SELECT count(*) AS n FROM t')?.n ?? -1;

  test('rows are changed and deleted for longer than the log has room', () => {
    using database = open();
    database.migrate('t', ['CREATE TABLE t (x INTEGER PRIMARY KEY, y BLOB)']);
    database.transaction(() => {
      for (let x = 0; x < 600; x++) database.run('INSERT INTO t VALUES (?, zeroblob(1000))', x);
    });
    fill();
    for (let x = 0; x < 600; x++) {
      if (x % 3 === 0) database.run('DELETE FROM t WHERE x = ?', x);
      else if (x % 3 === 1) database.runRelaxed('DELETE FROM t WHERE x = ?', x);
      else database.transaction(() => database.run('DELETE FROM t WHERE x = ?', x));
    }
    expect(count(database)).toBe(0);
  });

  test('what needs more room than there is is refused whole, with a hint, and the rest works on', () => {
    using database = open();
    fill();
    database.run('INSERT INTO t VALUES (1, NULL)');
    try {
      database.transaction(() => {
        for (let x = 2; x < 900; x++) database.run('INSERT INTO t VALUES (?, zeroblob(9000))', x);
      });
      expect.unreachable();
    } catch (error) {
      const { kind, code, hint } = toSiloError(error);
      expect([kind, code]).toEqual(['exhausted', 'disk-full']);
      expect(hint).toBe(`free space below ${disk}, for example: silo image prune`);
    }
    expect(count(database)).toBe(1);
    database.run('DELETE FROM t');
    expect(count(database)).toBe(0);
  });

  test('the database opens, and reads', () => {
    rmSync(join(disk, 'fill'), { force: true });
    open()[Symbol.dispose]();
    fill();
    using database = open();
    expect(count(database)).toBe(0);
  });
});
