import { expect, test } from 'bun:test';
import { formatHealthCheck, hasTest, mergeHealthCheck, parseHealthCheck, probeArgs } from './health-check.ts';
import { nextHealth, rulesOf, startingHealth, untilNextMs } from './health-state.ts';
import type { HealthResult, HealthState } from './health.ts';
import { createOutputHead } from './output-head.ts';

const second = 1_000_000_000;

test('a health check goes there and back without loss', () => {
  for (const json of [
    { Test: ['NONE'] },
    { Test: ['CMD', 'true', 'x'] },
    { Test: ['CMD-SHELL', 'exit 0'], Interval: 1_500_000, Retries: 2 },
    { Test: ['CMD-SHELL', 'exit $1', 'a', 'b'], Timeout: second, StartPeriod: second, StartInterval: 1e6 },
    {},
  ])
    expect(formatHealthCheck(parseHealthCheck(json))).toEqual(json);
});

test('refusals have Docker’s words', () => {
  const refused: [object, string][] = [
    [{ Interval: 999_999 }, 'Interval in Healthcheck cannot be less than 1ms'],
    [{ Timeout: -1 }, 'Timeout in Healthcheck cannot be less than 1ms'],
    [{ StartPeriod: 1 }, 'StartPeriod in Healthcheck cannot be less than 1ms'],
    [{ StartInterval: 1 }, 'StartInterval in Healthcheck cannot be less than 1ms'],
    [{ Retries: -1 }, 'Retries in Healthcheck cannot be negative'],
    [{ Test: ['HTTP', '/'] }, `Unknown healthcheck type 'HTTP' (expected 'CMD')`],
  ];
  for (const [json, message] of refused) expect(() => parseHealthCheck(json)).toThrow(message);
});

test('what the request leaves open is the image’s', () => {
  const image = { Test: ['CMD-SHELL', 'curl localhost'], Interval: 5 * second, Retries: 7 };
  expect(mergeHealthCheck(undefined, undefined)).toBeUndefined();
  expect(mergeHealthCheck(undefined, image)).toEqual(parseHealthCheck(image));
  expect(mergeHealthCheck({ retries: 2, onFailure: 'kill' }, image)).toEqual({
    ...parseHealthCheck(image),
    retries: 2,
    onFailure: 'kill',
  });
  expect(hasTest(mergeHealthCheck({ test: { kind: 'none' } }, image))).toBe(false);
  expect(mergeHealthCheck({ retries: 2 }, { Test: ['nonsense'] })).toEqual({ retries: 2 });
  expect(mergeHealthCheck(undefined, { Interval: -1 })).toBeUndefined();
});

test('text is for the shell of the container', () => {
  expect(probeArgs({ kind: 'shell', text: 'a b', args: ['c'] })).toEqual(['/bin/sh', '-c', 'a b', 'c']);
  expect(probeArgs({ kind: 'shell', text: 'a' }, ['bash', '-ec'])).toEqual(['bash', '-ec', 'a']);
  expect(probeArgs({ kind: 'exec', args: ['a'] })).toEqual(['a']);
  expect([probeArgs({ kind: 'none' }), probeArgs(undefined)]).toEqual([undefined, undefined]);
});

const result = (exitCode: number, startedAtMs: number): HealthResult => ({
  startedAtMs,
  endedAtMs: startedAtMs + 1,
  exitCode,
  output: '',
});
const play = (exitCodes: number[], rules: Partial<ReturnType<typeof rulesOf>>): HealthState[] => {
  let state = startingHealth(undefined);
  return exitCodes.map((exitCode, index) => {
    const run = { rules: { ...rulesOf({}), ...rules }, startedAtMs: 0 };
    return (state = nextHealth(state, result(exitCode, index * 100), run));
  });
};
const shown = (states: HealthState[]): string =>
  states.map(({ status, failingStreak }) => `${status[0]}${failingStreak}`).join(' ');

test('so many failures in a row make it unhealthy, one success healthy', () => {
  expect(shown(play([1, 0, 1, 1, 1, 1, 0], { retries: 3 }))).toBe('s1 h0 h1 h2 u3 u4 h0');
});

test('failures in the start period do not count until it was healthy once', () => {
  expect(shown(play([1, 1, 1, 1, 1], { retries: 2, startPeriodMs: 300 }))).toBe('s0 s0 s0 s1 u2');
  expect(shown(play([1, 0, 1, 1], { retries: 2, startPeriodMs: 10_000 }))).toBe('s0 h0 h1 u2');
});

test('five results are kept, over the end of a run too', () => {
  const last = play([0, 1, 2, 3, 4, 5, 6], {}).at(-1);
  expect(last?.log.map(({ exitCode }) => exitCode)).toEqual([2, 3, 4, 5, 6]);
  expect(startingHealth(last)).toMatchObject({ status: 'starting', failingStreak: 0, log: last?.log });
});

test('the start interval holds while the start period lasts and nothing was healthy', () => {
  const rules = { ...rulesOf({}), startPeriodMs: 10_000, startIntervalMs: 500 };
  expect([
    untilNextMs({ status: 'starting' }, rules, 0),
    untilNextMs({ status: 'healthy' }, rules, 0),
    untilNextMs({ status: 'starting' }, rules, 10_000),
    untilNextMs({ status: 'starting' }, rulesOf({}), 0),
  ]).toEqual([500, 30_000, 30_000, 30_000]);
});

test('output without end keeps its beginning', () => {
  const head = createOutputHead(10);
  expect(head.write('stdout', Buffer.from('0123'))).toBe(true);
  expect(head.text()).toBe('0123');
  for (let index = 0; index < 100; index++) head.write('stderr', Buffer.from('abcdefgh'));
  expect(head.text()).toBe('0123abcdef...');
});

test('a clock that was set back does not make the start period last', () => {
  const rules = {
    ...rulesOf({}),
    startPeriodMs: 60_000,
    startIntervalMs: 1_000,
    intervalMs: 5_000,
    retries: 1,
  };
  const starting = startingHealth(undefined);
  const hourBefore = -3_600_000;
  expect(untilNextMs(starting, rules, hourBefore)).toBe(5_000);
  expect(nextHealth(starting, result(1, hourBefore), { rules, startedAtMs: 0 }).status).toBe('unhealthy');
  expect(nextHealth(starting, result(1, 59_999), { rules, startedAtMs: 0 }).status).toBe('starting');
});
