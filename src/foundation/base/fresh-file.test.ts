import { afterEach, expect, test } from 'bun:test';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFreshFile } from './fresh-file.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function fresh(first?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'silo-fresh-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const path = join(folder, 'file');
  if (first !== undefined) await writeFile(path, first);
  const seen = { parsed: 0, broken: [] as string[] };
  const file = createFreshFile({
    path,
    limitBytes: 100,
    onBroken: (message) => seen.broken.push(message),
    parse: (text) => {
      seen.parsed++;
      if (text.startsWith('bad')) throw new Error('it is bad');
      return text;
    },
  });
  return { path, file, seen };
}

test('a file is read again only when it was changed', async () => {
  const { path, file, seen } = await fresh('one');
  expect(await file.get()).toBe('one');
  expect(await Promise.all([file.get(), file.get()])).toEqual(['one', 'one']);
  expect(seen.parsed).toBe(1);
  await writeFile(path, 'three');
  expect(await file.get()).toBe('three');
});

test('a broken or missing file leaves the last good content, and is told once', async () => {
  const { path, file, seen } = await fresh('good');
  await file.get();
  await writeFile(path, 'bad');
  expect(await file.get()).toBe('good');
  expect(await file.get()).toBe('good');
  await rm(path);
  expect(await file.get()).toBe('good');
  expect(seen.broken).toHaveLength(2);
  expect(seen.broken[0]).toContain('it is bad');
  await writeFile(path, 'better');
  expect(await file.get()).toBe('better');
});

test('the first reading must succeed', async () => {
  const { path, file } = await fresh();
  expect(file.get()).rejects.toMatchObject({ kind: 'invalid' });
  await writeFile(path, 'x'.repeat(101));
  expect(file.get()).rejects.toThrow('larger than 100 bytes');
});
