import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectKind } from './content.contract.ts';
import { openContentStore } from './content-store.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: a full disk needs a mounted tmpfs, and so root');

test.skipIf(!isRoot)('a full disk is reported as such, with a hint, and gets its space back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'silo-full-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'silo-test', folder]);
  if (mounted.status !== 0) return console.log(`skipped: cannot mount: ${mounted.stderr.toString()}`);
  undo.defer(() => void spawnSync('umount', [folder]));

  const store = await openContentStore(folder);
  await using ingest = await store.ingest('big');
  const write = ingest.write(Buffer.alloc(3_000_000, 1));
  await expectKind(write, 'exhausted');
  expect(await write.catch(String)).toContain('no space left on device');
  expect((await stat(ingest.path)).size).toBe(0);
  await expectKind(ingest.commit(), 'exhausted');
  expect(await store.list()).toEqual([]);
});
