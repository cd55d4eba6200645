import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { lstat, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../foundation/base/log.ts';
import { parseContainerId, randomHexId } from '../../foundation/base/ids.ts';
import { type ChainId, sha256 } from '../../foundation/oci/digest.ts';
import { createGroupSync } from './group-sync.ts';
import { snapshotContract } from './snapshot.contract.ts';
import { openSnapshots } from './snapshots.ts';

snapshotContract('the folder store', (root) => openSnapshots({ root, log: silentLog }));

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'silo-snapshot-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('the init layer', () => {
  test('has real folders and empty regular files at the places that runtimes mount on', async () => {
    const { initLayer } = await openSnapshots({ root, log: silentLog });
    const seen: string[] = [];
    for (const name of (await readdir(initLayer, { recursive: true })).sort()) {
      const status = await lstat(join(initLayer, name));
      const kind = status.isDirectory() ? 'd' : status.isFile() ? 'f' : status.isSymbolicLink() ? 'l' : '?';
      seen.push(
        `${kind} ${(status.mode & 0o7777).toString(8)} ${status.mtimeMs} ${kind === 'f' ? status.size : ''} ${name}`.replace(
          '  ',
          ' ',
        ),
      );
    }
    expect(seen).toEqual([
      'd 755 0 dev',
      'f 644 0 0 dev/console',
      'd 755 0 dev/pts',
      'd 755 0 dev/shm',
      'd 755 0 etc',
      'f 644 0 0 etc/hostname',
      'f 644 0 0 etc/hosts',
      'l 777 0 etc/mtab',
      'f 644 0 0 etc/resolv.conf',
      'd 755 0 proc',
      'd 755 0 sys',
    ]);
  });

  test('is made once', async () => {
    const first = await openSnapshots({ root, log: silentLog });
    const { ino } = await stat(first.initLayer);
    const second = await openSnapshots({ root, log: silentLog });
    expect((await stat(second.initLayer)).ino).toBe(ino);
  });
});

test('every folder of the store is closed to other users', async () => {
  const { layers } = await openSnapshots({ root, log: silentLog });
  await using staged = await layers.stage(sha256('x'));
  expect(staged.path.startsWith(root)).toBe(true);
  for (const name of ['.', 'layers', 'containers', 'trash', 'init-2'])
    expect((await stat(join(root, name))).mode & 0o777).toBe(0o700);
});

test('containers are listed after the next start', async () => {
  const { containers } = await openSnapshots({ root, log: silentLog });
  const ids = Array.from({ length: 200 }, () => parseContainerId(randomHexId()));
  for (const id of ids) await containers.create(id, []);
  const reopened = (await openSnapshots({ root, log: silentLog })).containers;
  expect(await reopened.list()).toHaveLength(200);
});

describe('after a kill', () => {
  const layer = sha256('layer') as ChainId;
  const id = 'c'.repeat(63).concat('1');
  const script = `
    import { openSnapshots } from ${JSON.stringify(join(import.meta.dirname, 'snapshots.ts'))};
    import { writeFileSync } from 'node:fs';
    const { layers, containers, trash } = await openSnapshots({ root: process.argv[1], log: { debug() {}, info() {}, warn() {}, error() {} } });
    const staged = await layers.stage(${JSON.stringify(layer)});
    writeFileSync(staged.path + '/file', 'whole');
    await staged.commit({ sizeBytes: 5 });
    await containers.create(${JSON.stringify(id)}, [${JSON.stringify(layer)}]);
    await containers.remove(${JSON.stringify(id)});
    await trash.idle();
    console.log('survived');`;
  const run = (fault: string): { output: string; signal: string | null } => {
    const { stdout, signal } = spawnSync(process.execPath, ['-e', script, root], {
      env: { ...process.env, SILO_FAULT: fault },
      encoding: 'utf8',
    });
    return { output: stdout, signal };
  };

  test.each([
    ['snapshot.init.filled', 'no layer', 'no container'],
    ['snapshot.layer.staged', 'no layer', 'no container'],
    ['snapshot.layer.sized', 'no layer', 'no container'],
    ['snapshot.layer.synced', 'no layer', 'no container'],
    ['snapshot.layer.renamed', 'whole layer', 'no container'],
    ['snapshot.layer.published', 'whole layer', 'no container'],
    ['snapshot.container.made', 'whole layer', 'no container'],
    ['snapshot.container.recorded', 'whole layer', 'no container'],
    ['snapshot.container.renamed', 'whole layer', 'whole container'],
    ['snapshot.trash.discarded', 'whole layer', 'no container'],
  ])('at %s there is %s and %s', async (fault, expectedLayer, expectedContainer) => {
    expect(run(fault)).toEqual({ output: '', signal: 'SIGKILL' });
    const { layers, containers, trash } = await openSnapshots({ root, log: silentLog });
    await trash.idle();
    const info = await layers.find(layer);
    expect(info ? 'whole layer' : 'no layer').toBe(expectedLayer);
    if (info) expect(await Bun.file(join(info.path, 'file')).text()).toBe('whole');
    const snapshot = await containers.find(parseContainerId(id));
    expect(snapshot ? 'whole container' : 'no container').toBe(expectedContainer);
    expect(await readdir(join(root, 'trash'))).toEqual([]);
    for (const folder of ['layers', 'containers', '.'])
      expect((await readdir(join(root, folder))).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('without a fault the same steps succeed', () => {
    expect(run('none').output).toBe('survived\n');
  });
});

test('callers of a group sync share runs, but never one that began before they came', async () => {
  const runs: (() => void)[] = [];
  const sync = createGroupSync(() => new Promise((resolve) => runs.push(resolve)));
  const first = sync();
  const others = [sync(), sync(), sync()];
  expect(runs).toHaveLength(1);
  runs[0]?.();
  await first;
  await Promise.resolve();
  expect(runs).toHaveLength(2);
  runs[1]?.();
  await Promise.all(others);
  expect(runs).toHaveLength(2);
});
