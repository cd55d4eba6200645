import { expect, test } from 'bun:test';
import { createLimiter } from '../../foundation/base/limiter.ts';
import { createSharedWork, runInTurn } from './shared-work.ts';

const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
  });

test('who asks for the same key shares one run and its notes', async () => {
  const shared = createSharedWork<string, number>('work');
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  const notes: number[][] = [[], []];
  const join = (index: number): Promise<string> =>
    shared.join('k', { onNote: (note) => notes[index]?.push(note) }, async ({ note }) => {
      runs++;
      note(1);
      await gate.promise;
      note(2);
      return 'done';
    });
  const first = join(0);
  await Promise.resolve();
  await Promise.resolve();
  const second = join(1);
  gate.resolve();
  expect(await Promise.all([first, second])).toEqual(['done', 'done']);
  expect(runs).toBe(1);
  expect(notes).toEqual([
    [1, 2],
    [1, 2],
  ]);
});

test('one who leaves does not stop the work, the last one does', async () => {
  const shared = createSharedWork<string, never>('work');
  const [a, b] = [new AbortController(), new AbortController()];
  let stopped = false;
  const work = async ({ signal }: { signal: AbortSignal }): Promise<string> => {
    await never(signal).catch(() => undefined);
    stopped = true;
    throw new Error('stopped');
  };
  const first = shared.join('k', { signal: a.signal }, work);
  const second = shared.join('k', { signal: b.signal }, work);
  a.abort();
  expect(await first.catch((error: Error) => error.message)).toBe('work was canceled');
  expect(stopped).toBe(false);
  b.abort();
  expect(await second.catch((error: Error) => error.message)).toBe('work was canceled');
  expect(stopped).toBe(true);
});

test('who comes while an abandoned run cleans up starts anew', async () => {
  const shared = createSharedWork<string, never>('work');
  const cleaned = Promise.withResolvers<void>();
  const leave = new AbortController();
  const first = shared.join('k', { signal: leave.signal }, async ({ signal }) => {
    await never(signal).catch(() => cleaned.promise);
    throw new Error('stopped');
  });
  await Promise.resolve();
  leave.abort();
  const second = shared.join('k', {}, () => Promise.resolve('second'));
  cleaned.resolve();
  expect(await first.catch(() => 'left')).toBe('left');
  expect(await second).toBe('second');
});

test("a failure of another's run is tried once more with our own means", async () => {
  const shared = createSharedWork<string, never>('work');
  const first = shared.join('k', {}, () => Promise.reject(new Error('wrong password')));
  const second = shared.join('k', {}, () => Promise.resolve('right password'));
  expect(await first.catch((error: Error) => error.message)).toBe('wrong password');
  expect(await second).toBe('right password');
});

test('waiting for a turn ends with the signal', async () => {
  const turns = createLimiter(1);
  const busy = Promise.withResolvers<void>();
  const running = runInTurn(turns, new AbortController().signal, 'x', () => busy.promise);
  const leave = new AbortController();
  let ran = false;
  const waiting = runInTurn(turns, leave.signal, 'the wait', () => {
    ran = true;
    return Promise.resolve();
  });
  leave.abort();
  expect(await waiting.catch((error: Error) => error.message)).toBe('the wait was canceled');
  busy.resolve();
  await running;
  await turns.run(() => Promise.resolve());
  expect(ran).toBe(false);
});
