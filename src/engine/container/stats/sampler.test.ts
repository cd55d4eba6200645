import { expect, test } from 'bun:test';
import { createSampler, type Sampler } from './sampler.ts';
import type { StatsSample } from './stats.ts';

const sampleAt = (atMs: number): StatsSample => ({ atMs }) as StatsSample;

function open(options: { isGone?: () => boolean; take?: () => Promise<StatsSample | undefined> } = {}) {
  const state = { taken: 0, idle: 0 };
  const sampler: Sampler = createSampler({
    take: options.take ?? (() => Promise.resolve(sampleAt(++state.taken))),
    isGone: options.isGone ?? (() => false),
    onIdle: () => state.idle++,
    periodMs: 5,
  });
  return { sampler, state };
}

async function first(sampler: Sampler, count: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const sample of sampler.watch()) {
    seen.push(sample?.atMs ?? 0);
    if (seen.length === count) break;
  }
  return seen;
}

test('all watchers of a container share its samples, and nothing is read when the last has left', async () => {
  const { sampler, state } = open();
  const all = await Promise.all(Array.from({ length: 20 }, () => first(sampler, 3)));
  for (const seen of all) expect(seen).toEqual([1, 2, 3]);
  expect(state).toEqual({ taken: 3, idle: 1 });
});

test('who comes later gets the newest sample at once', async () => {
  const { sampler } = open();
  for await (const sample of sampler.watch()) {
    if (sample?.atMs !== 2) continue;
    expect(await first(sampler, 1)).toEqual([2]);
    break;
  }
});

test('a watcher that takes nothing misses samples and holds nobody up', async () => {
  const { sampler } = open();
  const slow = sampler.watch()[Symbol.asyncIterator]();
  expect((await slow.next()).value?.atMs).toBe(1);
  await first(sampler, 5);
  expect((await slow.next()).value?.atMs).toBeGreaterThanOrEqual(5);
  await slow.return?.();
});

test('watching ends when the container is gone, by an abort and by a failure', async () => {
  let gone = false;
  const { sampler } = open({ isGone: () => gone });
  const seen: number[] = [];
  for await (const sample of sampler.watch()) {
    seen.push(sample?.atMs ?? 0);
    gone = true;
  }
  expect(seen).toEqual([1]);
  expect(await first(sampler, 1)).toEqual([]);

  const aborted = open().sampler;
  const controller = new AbortController();
  for await (const _ of aborted.watch(controller.signal)) controller.abort();

  const broken = open({ take: () => Promise.reject(new Error('no controller')) }).sampler;
  expect(first(broken, 1)).rejects.toThrow('no controller');
});

test('an end wakes a watcher that waits', async () => {
  const { sampler, state } = open();
  const watcher = sampler.watch()[Symbol.asyncIterator]();
  await watcher.next();
  const next = watcher.next();
  sampler.end();
  expect((await next).done).toBe(true);
  expect(state.idle).toBe(1);
});
