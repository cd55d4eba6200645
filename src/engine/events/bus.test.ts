import { expect, test } from 'bun:test';
import { createEvents } from './bus.ts';
import type { EngineEvent } from './events.ts';

const sample = { type: 'container', action: 'start', id: 'x', attributes: {} } as const;

test('events of one instant still have increasing times', () => {
  const events = createEvents(() => 1000);
  const seen: EngineEvent[] = [];
  using subscription = events.subscribe((event) => seen.push(event));
  events.publish(sample);
  events.publish(sample);
  subscription[Symbol.dispose]();
  events.publish(sample);
  expect(seen.map((event) => event.timeNs)).toEqual([1_000_000_000n, 1_000_000_001n]);
});

test('history answers the closed range and forgets the oldest beyond its bound', () => {
  let now = 0;
  const events = createEvents(() => now);
  for (now = 0; now < 5000; now++) events.publish(sample);
  expect(events.history({ sinceNs: 0n })).toHaveLength(4096);
  expect(events.history({ sinceNs: 4_990_000_000n, untilNs: 4_995_000_000n })).toHaveLength(6);
});

test('a clock that jumps back and forth is followed, and ranges of time find what happened then', () => {
  let nowMs = 1_000_000;
  const events = createEvents(() => nowMs);
  const act = (action: string): void => events.publish({ type: 'daemon', action, id: '', attributes: {} });
  act('before');
  nowMs += 365 * 86_400_000;
  act('ahead');
  nowMs = 2_000_000;
  act('back');
  act('again');
  const actions = (range: { sinceNs: bigint; untilNs?: bigint }): string[] =>
    events.history(range).map(({ action }) => action);
  const range = { sinceNs: 1_500_000_000_000n, untilNs: 3_000_000_000_000n };
  expect(actions(range)).toEqual(['back', 'again']);
  expect(actions({ sinceNs: 0n })).toEqual(['before', 'ahead', 'back', 'again']);
  nowMs -= 300;
  act('slewed');
  const times = events.history(range).map(({ timeNs }) => timeNs);
  expect(times).toHaveLength(3);
  expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : 1)));
});

test('huge labels do not make the history huge, and the last event stays', () => {
  const events = createEvents(() => 1);
  const labels = { big: 'x'.repeat(9 << 20) };
  for (let index = 0; index < 10; index++)
    events.publish({ ...sample, id: String(index), attributes: labels });
  expect(events.history({ sinceNs: 0n }).map(({ id }) => id)).toEqual(['7', '8', '9']);
  events.publish({ ...sample, id: 'huge', attributes: { big: 'x'.repeat(40 << 20) } });
  expect(events.history({ sinceNs: 0n }).map(({ id }) => id)).toEqual(['huge']);
});
