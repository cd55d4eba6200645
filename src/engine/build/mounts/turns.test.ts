import { expect, test } from 'bun:test';
import { createTurns, type Sharing } from './turns.ts';

/** Folders that are made at once, named by number. */
function turns(make: (id: string) => Promise<unknown> = () => Promise.resolve()) {
  const made = new Map<string, string>();
  let last = 0;
  const all = createTurns({
    idsOf: (key) => [...made].flatMap(([id, its]) => (its === key ? [id] : [])),
    newId: () => String(++last),
  });
  return {
    isHeld: (id: string) => all.isHeld(id),
    take: (key: string, sharing: Sharing, signal?: AbortSignal) =>
      all.take(key, sharing, {
        async make(id) {
          await make(id);
          made.set(id, key);
        },
        signal,
      }),
  };
}

test('those who share have one folder; who wants it alone gets another, and later the first that is free', async () => {
  const { take, isHeld } = turns();
  const [one, two] = await Promise.all([take('key', 'shared'), take('key', 'shared')]);
  expect([one.id, two.id]).toEqual(['1', '1']);
  const alone = await take('key', 'private');
  expect(alone.id).toBe('2');
  expect((await take('other', 'shared')).id).toBe('3');
  one.end();
  one.end();
  expect(isHeld('1')).toBeTrue();
  two.end();
  expect(isHeld('1')).toBeFalse();
  expect((await take('key', 'private')).id).toBe('1');
});

test('who locks waits for its turn, in the order of arrival, and one who is called off is passed over', async () => {
  const { take } = turns();
  const first = await take('key', 'locked');
  const order: string[] = [];
  const gone = new AbortController();
  const waiting = [
    take('key', 'locked').then((turn) => (order.push('second'), turn)),
    take('key', 'locked', gone.signal).catch(() => order.push('gone')),
    take('key', 'locked').then((turn) => (order.push('third'), turn)),
  ] as const;
  gone.abort();
  await waiting[1];
  first.end();
  const second = await waiting[0];
  expect(order).toEqual(['gone', 'second']);
  expect(second.id).toBe('1');
  second.end();
  expect((await waiting[2]).id).toBe('1');
  expect(order).toEqual(['gone', 'second', 'third']);
});

test('a folder that cannot be made fails who makes it; whoever waited makes one itself', async () => {
  const result = Promise.withResolvers<void>();
  let tries = 0;
  const { take, isHeld } = turns(() => (++tries === 1 ? result.promise : Promise.resolve()));
  const failing = take('key', 'shared');
  const joined = take('key', 'shared');
  const locked = take('key', 'locked');
  result.reject(new Error('full'));
  expect(await failing.then(() => '', String)).toBe('Error: full');
  const other = await joined;
  expect([other.id, isHeld('1')]).toEqual(['2', false]);
  other.end();
  expect((await locked).id).toBe('2');
});

test('several who wait for a folder that cannot be made have the next one together', async () => {
  const result = Promise.withResolvers<void>();
  let tries = 0;
  const { take } = turns(() => (++tries === 1 ? result.promise : Promise.resolve()));
  const failing = take('key', 'shared');
  const joined = [take('key', 'shared'), take('key', 'shared'), take('key', 'shared')];
  result.reject(new Error('full'));
  expect(await failing.then(() => '', String)).toBe('Error: full');
  const all = await Promise.all(joined);
  expect(all.map(({ id }) => id)).toEqual(['2', '2', '2']);
  expect(tries).toBe(2);
});
