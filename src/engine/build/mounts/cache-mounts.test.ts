import { afterEach, beforeEach, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../../foundation/base/log.ts';
import { type Database, openDatabase } from '../../../foundation/db/database.ts';
import { openCacheMounts, type WantedCache } from './cache-mounts.ts';

let directory = '';
let database: Database;
let time = 0;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cache-mounts-'));
  database = openDatabase(join(directory, 'db'));
});
afterEach(() => {
  database[Symbol.dispose]();
  rmSync(directory, { recursive: true, force: true });
});

const caches = () => join(directory, 'caches');
const open = (maxBytes = 1e9, change: Partial<Parameters<typeof openCacheMounts>[0]> = {}) =>
  openCacheMounts({
    database,
    directory: caches(),
    measure: (path) => Promise.resolve(Number(readdirSync(join(path, '_data'))[0] ?? 0)),
    maxBytes,
    log: silentLog,
    now: () => ++time,
    ...change,
  });
const wanted = (name: string, change: Partial<WantedCache> = {}): WantedCache => ({
  key: name,
  name,
  sharing: 'shared',
  mode: 0o755,
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  ...change,
});

test('a cache is there for the next one who asks, also after a start of the engine; names lead nowhere', async () => {
  const first = await open();
  const name = '../../../etc';
  const cache = await first.open(wanted(name, { mode: 0o1777 }));
  expect(cache.path).toStartWith(`${caches()}/`);
  expect(statSync(cache.path).mode & 0o7777).toBe(0o1777);
  writeFileSync(join(cache.path, '12'), '');
  expect(first.list()).toMatchObject([{ name, inUse: true, uses: 1 }]);
  cache.release();
  await first.settled();
  const second = await open();
  expect(second.list()).toMatchObject([{ name, inUse: false, sizeBytes: 12 }]);
  expect((await second.open(wanted(name))).path).toBe(cache.path);
});

test('what an engine that died left half-made goes at the start, and links in it are not followed', async () => {
  mkdirSync(join(caches(), 'new-half/_data'), { recursive: true });
  const bystander = join(directory, 'bystander');
  writeFileSync(bystander, 'mine');
  symlinkSync(bystander, join(caches(), 'new-half/_data/link'));
  symlinkSync(directory, join(caches(), 'stray'));
  const first = await open();
  (await first.open(wanted('gone'))).release();
  await first.settled();
  rmSync(join(caches(), first.list()[0]?.id ?? ''), { recursive: true });
  const second = await open();
  await second.settled();
  expect(second.list()).toEqual([]);
  expect(readdirSync(caches())).toEqual(['removed']);
  expect(existsSync(bystander)).toBeTrue();
});

test('when they are too large together, those go that were not used for longest, but none that is in use', async () => {
  const mounts = await open(100);
  const held = await mounts.open(wanted('held'));
  writeFileSync(join(held.path, '90'), '');
  for (const name of ['old', 'young']) {
    const cache = await mounts.open(wanted(name));
    writeFileSync(join(cache.path, name === 'old' ? '60' : '50'), '');
    cache.release();
    await mounts.settled();
  }
  expect(mounts.list().map(({ name }) => name)).toEqual(['young', 'held']);
  held.release();
  await mounts.settled();
  expect(mounts.list().map(({ name }) => name)).toEqual(['young']);
  const huge = await mounts.open(wanted('huge'));
  writeFileSync(join(huge.path, '500'), '');
  huge.release();
  await mounts.settled();
  expect(mounts.list().map(({ name }) => name)).toEqual(['young']);
});

test('prune removes what is asked for unless it is in use', async () => {
  const mounts = await open();
  const held = await mounts.open(wanted('held'));
  (await mounts.open(wanted('one'))).release();
  (await mounts.open(wanted('two'))).release();
  const removed = await mounts.prune(({ name }) => name !== 'two');
  expect(removed.map(({ name }) => name)).toEqual(['one']);
  expect(
    mounts
      .list()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(['held', 'two']);
  held.release();
  await mounts.settled();
  expect(readdirSync(caches()).length).toBe(3);
});

test('a cache that could not be filled is not there', async () => {
  const mounts = await open();
  const seed = (path: string): Promise<void> => {
    mkdirSync(join(path, '_data'));
    return Promise.reject(new Error('no space'));
  };
  expect(await mounts.open(wanted('full', { seed })).then(() => '', String)).toBe('Error: no space');
  await mounts.settled();
  expect(mounts.list()).toEqual([]);
  expect(readdirSync(caches())).toEqual(['removed']);
  expect((await mounts.open(wanted('full'))).path).toStartWith(caches());
});

test('a use while the last one is measured counts', async () => {
  const measured = Promise.withResolvers<number>();
  const begun = Promise.withResolvers<void>();
  const caches = await open(1e9, {
    measure() {
      begun.resolve();
      return measured.promise;
    },
  });
  (await caches.open(wanted('used'))).release();
  await begun.promise;
  const second = await caches.open(wanted('used'));
  measured.resolve(7);
  await caches.settled();
  expect(caches.list()).toMatchObject([{ uses: 2, sizeBytes: 7 }]);
  second.release();
  await caches.settled();
});
