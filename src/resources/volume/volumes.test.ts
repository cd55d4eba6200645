import { afterEach, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toSiloError } from '../../foundation/base/errors.ts';
import { silentLog } from '../../foundation/base/log.ts';
import { openDatabase } from '../../foundation/db/database.ts';
import type { Volumes } from './volume.ts';
import { openVolumes } from './volumes.ts';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

function makeRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'silo-volumes-'));
  roots.push(root);
  return root;
}

async function open(root: string): Promise<Volumes> {
  return await openVolumes({
    database: openDatabase(join(root, 'silo.db')),
    directory: join(root, 'volumes'),
    log: silentLog,
    now: () => 1_000,
  });
}

const failureOf = (work: Promise<unknown>): Promise<{ kind: string; message: string }> =>
  work.then(
    () => ({ kind: 'none', message: '' }),
    (error: unknown) => toSiloError(error),
  );

test('a volume is made once, kept, and removed with its content', async () => {
  const root = makeRoot();
  const volumes = await open(root);
  const made = await volumes.create({ name: 'data', labels: { a: 'b' } });
  expect(made).toEqual({
    name: 'data',
    driver: 'local',
    mountpoint: join(root, 'volumes/data/_data'),
    labels: { a: 'b' },
    options: {},
    anonymous: false,
    createdAtMs: 1_000,
  });
  await writeFile(join(made.mountpoint, 'kept'), 'x');
  expect(await volumes.create({ name: 'data', labels: { c: 'd' } })).toEqual(made);
  expect((await open(root)).list()).toEqual([made]);
  await volumes.remove('data');
  expect(await readdir(join(root, 'volumes'))).toEqual([]);
  expect(() => volumes.get('data')).toThrow('get data: no such volume');
});

test('a volume without a name is anonymous and has a name of 64 digits', async () => {
  const volumes = await open(makeRoot());
  const made = await volumes.create({});
  expect(made.name).toMatch(/^[0-9a-f]{64}$/);
  expect(made.anonymous).toBe(true);
});

test('folders have the modes that containers need, whatever the umask is', async () => {
  const root = makeRoot();
  const before = process.umask(0o077);
  const made = await (await open(root)).create({ name: 'data' });
  process.umask(before);
  const modes = await Promise.all([made.mountpoint, join(made.mountpoint, '..')].map((path) => stat(path)));
  expect(modes.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['755', '701']);
});

test('fifty creates of one name at once make one volume', async () => {
  const volumes = await open(makeRoot());
  const made = await Promise.all(Array.from({ length: 50 }, () => volumes.create({ name: 'same' })));
  expect(new Set(made.map((info) => JSON.stringify(info))).size).toBe(1);
  expect(volumes.list()).toHaveLength(1);
});

test('bad names, drivers and options are refused as Docker refuses them', async () => {
  const volumes = await open(makeRoot());
  for (const name of ['../x', 'a/b', '.hidden', 'ü1', '-x', 'a\nb', 'a'.repeat(300)]) {
    const failure = await failureOf(volumes.create({ name }));
    expect(failure.kind).toBe('invalid');
    expect(failure.message).toContain(
      'includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    );
  }
  expect((await failureOf(volumes.create({ name: 'a' }))).message).toContain('too short');
  expect((await failureOf(volumes.create({ name: 'ab', driver: 'nfs' }))).message).toBe(
    'error looking up volume plugin nfs: plugin "nfs" not found',
  );
  expect(volumes.list()).toEqual([]);
});

test('links inside a volume lead nowhere when it is removed', async () => {
  const root = makeRoot();
  await mkdir(join(root, 'outside'));
  await writeFile(join(root, 'outside/canary'), 'x');
  const volumes = await open(root);
  const { mountpoint } = await volumes.create({ name: 'data' });
  await symlink(join(root, 'outside'), join(mountpoint, 'link'));
  await volumes.remove('data');
  expect(await readdir(join(root, 'outside'))).toEqual(['canary']);
});

test('a folder with content but without a record is adopted, an empty one goes', async () => {
  const root = makeRoot();
  await mkdir(join(root, 'volumes/full/_data'), { recursive: true });
  await mkdir(join(root, 'volumes/empty/_data'), { recursive: true });
  await writeFile(join(root, 'volumes/full/_data/kept'), 'x');
  const volumes = await open(root);
  expect(volumes.list().map(({ name }) => name)).toEqual(['full']);
  expect(await readdir(join(root, 'volumes'))).toEqual(['full']);
});

/** Runs create and remove in a process that dies at the fault point, then opens the volumes again. */
async function afterCrash(fault: string): Promise<{ volumes: Volumes; folders: string[] }> {
  const root = makeRoot();
  const volumes = await open(root);
  const kept = await volumes.create({ name: 'old' });
  await writeFile(join(kept.mountpoint, 'kept'), 'x');
  const script = `
    const { openVolumes } = await import('${import.meta.dir}/volumes.ts');
    const { openDatabase } = await import('${import.meta.dir}/../../foundation/db/database.ts');
    const { silentLog } = await import('${import.meta.dir}/../../foundation/base/log.ts');
    const volumes = await openVolumes({ database: openDatabase('${root}/silo.db'), directory: '${root}/volumes', log: silentLog });
    await volumes.create({ name: 'new' });
    await volumes.remove('old');`;
  const child = spawnSync(process.execPath, ['-e', script], { env: { ...process.env, SILO_FAULT: fault } });
  expect(child.signal).toBe('SIGKILL');
  const again = await open(root);
  await again.create({ name: 'other' });
  await again.remove('other');
  return { volumes: again, folders: (await readdir(join(root, 'volumes'))).sort() };
}

test('kill -9 at any step of create and remove leaves the old or the new state', async () => {
  for (const [fault, expected] of Object.entries({
    'volume.create.folder': ['old'],
    'volume.remove.renamed': ['new', 'old'],
    'volume.remove.forgotten': ['new'],
  })) {
    const { volumes, folders } = await afterCrash(fault);
    expect(volumes.list().map(({ name }) => name)).toEqual(expected);
    expect(folders.filter((name) => !name.startsWith('.'))).toEqual(expected);
    if (expected.includes('old')) expect(await readdir(volumes.get('old').mountpoint)).toEqual(['kept']);
  }
});
