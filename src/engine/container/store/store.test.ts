import { expect, test } from 'bun:test';
import { parseContainerId } from '../../../foundation/base/ids.ts';
import { openDatabase } from '../../../foundation/db/database.ts';
import type { ContainerRecord } from '../container.ts';
import { stepMark } from './shelf.ts';
import { createContainerStore } from './store.ts';

const idOf = (number: number) => parseContainerId(number.toString(16).padStart(64, 'a'));

/** As much of a record as the store looks at. */
function sample(number: number, changes: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    id: idOf(number),
    name: `c${number}`,
    createdAtMs: number,
    config: {
      autoRemove: false,
      annotations: {},
      restart: { name: 'no', maximumRetryCount: 0 },
      network: { mode: 'none' },
    },
    state: { status: 'created' },
    mounts: [],
    layers: [],
    ...changes,
  } as unknown as ContainerRecord;
}

test('the order is that of creation, also after a start and when the clock went back', () => {
  using database = openDatabase(':memory:');
  const store = createContainerStore(database);
  for (const [number, createdAtMs] of [
    [1, 5000],
    [2, 9000],
    [3, 100],
  ] as const)
    store.insert(sample(number, { createdAtMs }));
  const names = (of: typeof store): string[] => of.list().map(({ name }) => name);
  expect(names(store)).toEqual(['c3', 'c2', 'c1']);
  const again = createContainerStore(database);
  expect(names(again)).toEqual(['c3', 'c2', 'c1']);
  again.insert(sample(4, { createdAtMs: 50 }));
  expect(names(createContainerStore(database))).toEqual(['c4', 'c3', 'c2', 'c1']);
});

test('what a start has to look at is found without reading the others', () => {
  using database = openDatabase(':memory:');
  const store = createContainerStore(database);
  for (let number = 1; number <= 6; number++) store.insert(sample(number));
  const step = sample(7);
  store.insert({ ...step, config: { ...step.config, annotations: { [stepMark]: '' } } });
  const ended = { finishedAtMs: 2, exitCode: 0, oomKilled: false };
  store.updateRunning(idOf(2), { state: { status: 'running', pid: 7, startedAtMs: 1 } });
  store.update(idOf(3), { state: { status: 'exited', ...ended, stoppedByUser: false } });
  const always = sample(4).config;
  store.update(idOf(4), {
    config: { ...always, restart: { name: 'always', maximumRetryCount: 0 } },
    state: { status: 'exited', ...ended, stoppedByUser: true },
  });
  store.update(idOf(5), { config: { ...always, autoRemove: true } });
  const active = (of: typeof store): string[] => of.active().map(({ name }) => name);
  expect(active(store)).toEqual(['c7', 'c5', 'c4', 'c2']);
  // Damage that nobody may notice at a start.
  database.run(`UPDATE container SET record = 'x' WHERE id IN (?, ?)`, idOf(1), idOf(6));
  const again = createContainerStore(database);
  expect(active(again)).toEqual(['c7', 'c5', 'c4', 'c2']);
  expect(again.get('c3').state.status).toBe('exited');
  store.update(idOf(2), { state: { status: 'exited', ...ended, stoppedByUser: true } });
  expect(active(createContainerStore(database))).toEqual(['c7', 'c5', 'c4']);
});

test('records of a database without the order get one', () => {
  using database = openDatabase(':memory:');
  database.migrate('container', [
    `CREATE TABLE container (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at_ms INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID`,
    `CREATE TABLE doomed_volume (name TEXT PRIMARY KEY) WITHOUT ROWID`,
  ]);
  for (const [number, createdAtMs] of [
    [1, 30],
    [2, 10],
  ] as const)
    database.run(
      'INSERT INTO container VALUES (?, ?, ?, ?)',
      idOf(number),
      `c${number}`,
      createdAtMs,
      JSON.stringify(sample(number)),
    );
  // Damage does not fail the step.
  database.run('INSERT INTO container VALUES (?, ?, ?, ?)', idOf(3), 'c3', 20, '{"torn');
  const store = createContainerStore(database);
  expect(store.list().map(({ name }) => name)).toEqual(['c1', 'c2']);
  expect(store.active()).toEqual([]);
  expect(store.damaged().map(({ name }) => name)).toEqual(['c3']);
});
