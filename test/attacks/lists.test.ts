import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { attackRows } from './rows.ts';
import { withTables } from './table.ts';

const root = join(import.meta.dir, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

test('docs/security.md shows the attack table that the tests use', () => {
  const page = read('docs/security.md');
  if (withTables(page) !== page) throw new Error('run `bun test/attacks/write-table.ts`');
});

test('every row of the list of attacks names tests that are there', () => {
  const numbers = attackRows.flatMap(({ row }) => row.split(', ').map(Number));
  expect(numbers.toSorted((one, other) => one - other)).toEqual(
    Array.from({ length: 30 }, (_, index) => index + 1),
  );
  const lost = attackRows.flatMap(({ row, tests }) =>
    tests
      .filter(({ file, test: name }) => !read(file).includes(name))
      .map(({ test: name }) => `${row}: ${name}`),
  );
  expect(lost).toEqual([]);
});
