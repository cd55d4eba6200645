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

test('history answers the half-open range and forgets the oldest beyond its bound', () => {
  let now = 0;
  const events = createEvents(() => now);
  for (now = 0; now < 5000; now++) events.publish(sample);
  expect(events.history({ sinceMs: 0 })).toHaveLength(4096);
  expect(events.history({ sinceMs: 4990, untilMs: 4995 })).toHaveLength(5);
});
