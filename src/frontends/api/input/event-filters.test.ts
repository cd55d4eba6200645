import { expect, test } from 'bun:test';
import type { EngineEvent } from '../../../engine/events/events.ts';
import { engineDouble } from '../testing/engine-double.ts';
import { serveApi } from '../testing/serve.ts';
import { createEventFilter } from './event-filters.ts';

const start: EngineEvent = {
  type: 'container',
  action: 'start',
  id: 'abc0',
  attributes: { name: 'web-1', image: 'redis:7', tier: 'front' },
  timeNs: 1n,
};
const passes = (event: Partial<EngineEvent>, filters: Record<string, string[]>): boolean =>
  createEventFilter(new Map(Object.entries(filters)))({ ...start, ...event });

test.each([
  [{ container: ['web'] }, true],
  [{ container: ['/web-1'] }, true],
  [{ container: ['abc'] }, true],
  [{ container: ['eb'] }, false],
  [{ container: [''] }, false],
  [{ container: ['no', 'web'] }, true],
  [{ image: ['redis'] }, true],
  [{ image: ['redis:7'] }, true],
  [{ image: ['redis:8'] }, false],
  [{ label: ['tier=front'] }, true],
  [{ label: ['tier', 'other'] }, false],
  [{ type: ['container'] }, true],
  [{ type: ['volume', 'network'] }, false],
  [{ event: ['start', 'die'] }, true],
  [{ scope: ['local'] }, true],
  [{ scope: ['swarm'] }, false],
  [{ volume: ['abc'] }, false],
  [{ network: ['abc'] }, false],
  [{ daemon: ['x'] }, false],
  [{ node: ['x'] }, false],
  [{ plugin: ['x'] }, false],
  [{ service: ['x'] }, false],
])('a start of web-1 and the filters %j: %p', (filters, expected) => {
  expect(passes({}, filters as unknown as Record<string, string[]>)).toBe(expected);
});

test('events with words of the user are matched by their verb', () => {
  expect(passes({ action: 'exec_create: sh -c id' }, { event: ['exec_create'] })).toBe(true);
  expect(passes({ action: 'health_status: healthy' }, { event: ['health_status'] })).toBe(true);
  expect(passes({ action: 'health_status: healthy' }, { event: ['health_status: healthy'] })).toBe(true);
  expect(passes({ action: 'exec_create: sh' }, { event: ['exec_start'] })).toBe(false);
});

test('a client that goes on where it was sees no event twice', async () => {
  const engine = engineDouble();
  await using api = await serveApi(engine);
  for (const action of ['one', 'two', 'three'])
    engine.events.publish({ type: 'volume', action, id: 'v', attributes: {} });
  const replay = async (range: string): Promise<string[]> => {
    const { text } = await api.call('GET', `/events?${range}`);
    return Array.from(text.matchAll(/"Action":"(\w+)"/g), ([, action = '']) => action);
  };
  // The three lie one nanosecond apart.
  expect(await replay('since=1767323045.670000001&until=1767323046')).toEqual(['two', 'three']);
  expect(await replay('since=1767323045.67&until=1767323045.670000001')).toEqual(['one', 'two']);
  expect(await replay('since=1767323045&until=1767323045.5')).toEqual([]);
});

test('what prunes builds is an event of the builder', async () => {
  const engine = engineDouble();
  await using api = await serveApi(engine);
  await api.call('POST', '/build/prune');
  expect(engine.events.history({ sinceNs: 0n })).toMatchObject([
    { type: 'builder', action: 'prune', id: '', attributes: { reclaimed: '0' } },
  ]);
});
