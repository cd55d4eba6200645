import { expect, test } from 'bun:test';
import { createSlots, type Slot } from './slots.ts';

const { signal } = new AbortController();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a free place goes to the build that has the fewest, and to its earliest step', async () => {
  const slots = createSlots(2);
  const [big, small] = [{}, {}];
  const begun: string[] = [];
  const held: Slot[] = [];
  const ask = (name: string, build: object, order: number): void => {
    void slots.take({ build, order, signal }).then((slot) => {
      begun.push(name);
      held.push(slot);
    });
  };
  ask('big 1', big, 1);
  ask('big 2', big, 2);
  ask('big 4', big, 4);
  ask('big 3', big, 3);
  ask('small 9', small, 9);
  await turn();
  expect(begun).toEqual(['big 1', 'big 2']);
  held.shift()?.[Symbol.dispose]();
  await turn();
  expect(begun.at(-1)).toBe('small 9');
  held.shift()?.[Symbol.dispose]();
  await turn();
  expect(begun.at(-1)).toBe('big 3');
});

test('who waits aside leaves his place to others', async () => {
  const slots = createSlots(1);
  const build = {};
  const first = await slots.take({ build, order: 1, signal });
  const release = Promise.withResolvers<void>();
  const second = slots.take({ build, order: 2, signal });
  const aside = first.aside(() => release.promise);
  using _ = await second;
  release.resolve();
  await aside;
});

test('who leaves the queue does not get a place', async () => {
  const slots = createSlots(1);
  const leaving = new AbortController();
  const first = await slots.take({ build: {}, order: 1, signal });
  const second = slots.take({ build: {}, order: 2, signal: leaving.signal });
  leaving.abort();
  expect(await second.catch((error: unknown) => error)).toMatchObject({ kind: 'canceled' });
  const third = slots.take({ build: {}, order: 3, signal });
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
});
