import { afterEach, beforeEach, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../foundation/base/log.ts';
import { openTrash } from './trash.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'silo-trash-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('folders deeper than any path can name are deleted, with what is in them', async () => {
  const deep = join(root, 'deep');
  await mkdir(deep);
  // 60 names of 200 bytes: three times PATH_MAX.
  const script =
    'my $n = "0" x 200; for (1..60) { mkdir $n or die; mkdir "beside"; chdir $n; open my $f, ">", "file"; symlink "/", "link" }';
  expect(spawnSync('perl', ['-e', script], { cwd: deep }).status).toBe(0);
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
  const trash = await openTrash(join(root, 'trash'), log);
  await trash.discard(deep);
  await trash.idle();
  expect(warnings).toEqual([]);
  expect(await readdir(join(root, 'trash'))).toEqual([]);
  expect(await readdir(root)).toEqual(['trash']);
});
