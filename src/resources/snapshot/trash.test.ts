import { afterEach, beforeEach, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../foundation/base/log.ts';
import { openTrash, raiseDeep } from './trash.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'silo-trash-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** 60 names of 200 bytes: three times PATH_MAX. */
function makeDeep(folder: string): void {
  const script =
    'my $n = "0" x 200; for (1..60) { mkdir $n or die; mkdir "beside"; chdir $n; open my $f, ">", "file"; symlink "/", "link" }';
  expect(spawnSync('perl', ['-e', script], { cwd: folder }).status).toBe(0);
}

test('folders deeper than any path can name are deleted, with what is in them', async () => {
  const deep = join(root, 'deep');
  await mkdir(deep);
  makeDeep(deep);
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
  const trash = await openTrash(join(root, 'trash'), log);
  await trash.discard(deep);
  await trash.idle();
  expect(warnings).toEqual([]);
  expect(await readdir(join(root, 'trash'))).toEqual([]);
  expect(await readdir(root)).toEqual(['trash']);
});

test('a link in the place of a folder that is too deep leads nowhere', async () => {
  const other = join(root, 'other');
  await mkdir(other);
  makeDeep(other);
  await mkdir(join(root, 'trash'));
  const link = join(root, 'trash', 'tree');
  await symlink(other, link);
  expect(await raiseDeep(link)).toEqual([]);
  expect(await readdir(join(root, 'trash'))).toEqual(['tree']);
  // What stands there is as deep as it was.
  expect(await raiseDeep(other)).not.toEqual([]);
  const trash = await openTrash(join(root, 'trash'), silentLog);
  for (const name of await readdir(root)) if (name !== 'trash') await trash.discard(join(root, name));
  await trash.idle();
});
