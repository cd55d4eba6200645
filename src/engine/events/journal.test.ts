import { expect, test } from 'bun:test';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../foundation/base/log.ts';
import { createEvents } from './bus.ts';
import { openEventJournal } from './journal.ts';

const sample = { type: 'container', action: 'start', attributes: { name: 'web' } } as const;

function folder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'silo-events-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** An engine from start to end. */
async function run(path: string, ids: string[], nowMs: number): Promise<string[]> {
  await using journal = await openEventJournal(path, silentLog);
  const events = createEvents(() => nowMs, journal);
  for (const id of ids) events.publish({ ...sample, id });
  await events.recall();
  return events.history({ sinceNs: 0n }).map(({ id }) => id);
}

test('the next engine knows the events of the one before, oldest first', async () => {
  using place = folder();
  expect(await run(place.path, ['a', 'b'], 1000)).toEqual(['a', 'b']);
  expect(await run(place.path, ['c'], 2000)).toEqual(['a', 'b', 'c']);
  await using journal = await openEventJournal(place.path, silentLog);
  const events = createEvents(() => 3000, journal);
  expect(events.history({ sinceNs: 0n })).toEqual([]);
  await events.recall();
  await events.recall();
  expect(events.history({ sinceNs: 1_000_000_001n, untilNs: 2_000_000_000n })).toEqual([
    { ...sample, id: 'b', timeNs: 1_000_000_001n },
    { ...sample, id: 'c', timeNs: 2_000_000_000n },
  ]);
});

test('a line that a death tore, or that is none, costs nothing but itself', async () => {
  using place = folder();
  await run(place.path, ['a'], 1000);
  appendFileSync(join(place.path, 'events.jsonl'), 'nonsense\n{"t":"x"}\n{"t":"1","type":"conta');
  expect(await run(place.path, ['b'], 2000)).toEqual(['a', 'b']);
  expect(await run(place.path, [], 3000)).toEqual(['a', 'b']);
});

test('what is kept is bounded, in number and in size', async () => {
  using place = folder();
  const many = Array.from({ length: 3000 }, (_, index) => `e${index}${'.'.repeat(200)}`);
  for (let round = 1; round <= 8; round++) await run(place.path, many, round * 10_000);
  const last = await run(place.path, ['end'], 100_000);
  expect(last).toHaveLength(4096);
  expect(last.slice(-2)).toEqual([many[2999] ?? '', 'end']);
  const sizes = readdirSync(place.path).map((name) => statSync(join(place.path, name)).size);
  expect(sizes).toHaveLength(2);
  expect(Math.max(...sizes)).toBeLessThan(4 << 20);
});

test('a full file that cannot be moved is emptied', async () => {
  using place = folder();
  mkdirSync(join(place.path, 'events.1.jsonl', 'in the way'), { recursive: true });
  const many = Array.from({ length: 3000 }, (_, index) => `e${index}${'.'.repeat(200)}`);
  for (let round = 1; round <= 8; round++) await run(place.path, many, round * 10_000);
  expect(statSync(join(place.path, 'events.jsonl')).size).toBeLessThan(4 << 20);
  expect((await run(place.path, ['end'], 100_000)).at(-1)).toBe('end');
});

test('labels of any size do not fill the disk', async () => {
  using place = folder();
  {
    await using journal = await openEventJournal(place.path, silentLog);
    const events = createEvents(() => 1000, journal);
    events.publish({ ...sample, id: 'huge', attributes: { label: 'x'.repeat(1 << 20) } });
    events.publish({ ...sample, id: 'small' });
  }
  expect(await run(place.path, [], 2000)).toEqual(['small']);
});

test('a folder that cannot be written costs the journal only', async () => {
  using place = folder();
  const path = join(place.path, 'events');
  await using journal = await openEventJournal(path, silentLog);
  rmSync(path, { recursive: true });
  const events = createEvents(() => 1000, journal);
  events.publish({ ...sample, id: 'a' });
  await events.recall();
  expect(events.history({ sinceNs: 0n }).map(({ id }) => id)).toEqual(['a']);
});
