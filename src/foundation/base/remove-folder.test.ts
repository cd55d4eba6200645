import { afterAll, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from './remove-folder.ts';

const directory = mkdtempSync(join(tmpdir(), 'silo-remove-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('a folder goes whole while a part of it is removed by somebody else', async () => {
  for (let round = 0; round < 500; round++) {
    const folder = join(directory, String(round));
    const part = join(folder, 'execs', 'one');
    mkdirSync(part, { recursive: true });
    for (const name of ['a', 'b', 'c']) {
      writeFileSync(join(folder, name), '');
      writeFileSync(join(part, name), '');
    }
    await Promise.all([removeFolder(part), removeFolder(folder)]);
    expect(existsSync(folder)).toBe(false);
  }
});

test('a folder that is not there is no error', async () => {
  await removeFolder(join(directory, 'nothing'));
});
