import { expect, test } from 'bun:test';
import { nextDelayMs, shouldRestart, startsWithEngine } from './life/restart-policy.ts';
import { parseSignal } from './life/signals.ts';
import { type ContainerState, isRunning, next } from './state.ts';

test('a life from created to removing', () => {
  let state: ContainerState = { status: 'created' };
  state = next(state, { type: 'start', atMs: 1 });
  state = next(state, { type: 'started', pid: 9, atMs: 2 });
  expect(isRunning(state)).toBe(true);
  state = next(state, { type: 'paused' });
  expect(state).toEqual({ status: 'paused', pid: 9, startedAtMs: 2 });
  state = next(state, { type: 'resumed' });
  state = next(state, {
    type: 'exited',
    exitCode: 3,
    oomKilled: false,
    atMs: 5,
    willRestart: false,
    stoppedByUser: false,
  });
  expect(state).toMatchObject({ status: 'exited', exitCode: 3, startedAtMs: 2, finishedAtMs: 5 });
  expect(next(state, { type: 'remove' })).toEqual({ status: 'removing', exitCode: 3 });
});

test('a failed first start leaves the container created', () => {
  const starting = next({ status: 'created' }, { type: 'start', atMs: 1 });
  expect(next(starting, { type: 'start-failed', exitCode: 127, atMs: 2 })).toEqual({
    status: 'created',
    exitCode: 127,
  });
});

test('a restart that cannot start waits for the next attempt and keeps what is known of the last run', () => {
  const waiting: ContainerState = {
    status: 'restarting',
    startedAtMs: 5,
    finishedAtMs: 6,
    exitCode: 1,
    oomKilled: false,
  };
  const starting = next(waiting, { type: 'start', atMs: 7 });
  const failure = { type: 'start-failed', exitCode: 128, atMs: 8 } as const;
  expect(next(starting, { ...failure, willRetry: true })).toEqual({
    ...waiting,
    finishedAtMs: 8,
    exitCode: 128,
  });
  expect(next(starting, failure)).toMatchObject({ status: 'exited', startedAtMs: 5, stoppedByUser: false });
});

test('an unhealthy container begins anew whatever its policy, unless its user ended it', () => {
  const end = { exitCode: 0, restartCount: 9, stoppedByUser: false, restartsUnhealthy: true };
  expect(shouldRestart({ name: 'no', maximumRetryCount: 0 }, end)).toBe(true);
  expect(shouldRestart({ name: 'always', maximumRetryCount: 0 }, { ...end, stoppedByUser: true })).toBe(
    false,
  );
});

test('a start of the engine counts attempts on', () => {
  const policy = { name: 'on-failure', maximumRetryCount: 2 } as const;
  const failed = { exitCode: 1, restartCount: 1, stoppedByUser: false };
  expect([1, 2].map((restartCount) => startsWithEngine(policy, { ...failed, restartCount }))).toEqual([
    true,
    false,
  ]);
  expect(startsWithEngine(policy, { ...failed, exitCode: 0 })).toBe(false);
});

test('impossible events are conflicts', () => {
  expect(() => next({ status: 'created' }, { type: 'paused' })).toThrow('container is created');
  expect(() => next({ status: 'running', pid: 1, startedAtMs: 0 }, { type: 'remove' })).toThrow('running');
});

test('restart policies follow Docker', () => {
  const failed = { exitCode: 1, restartCount: 2, stoppedByUser: false };
  expect(shouldRestart({ name: 'on-failure', maximumRetryCount: 2 }, failed)).toBe(false);
  expect(shouldRestart({ name: 'on-failure', maximumRetryCount: 3 }, failed)).toBe(true);
  expect(shouldRestart({ name: 'on-failure', maximumRetryCount: 0 }, { ...failed, exitCode: 0 })).toBe(false);
  expect(shouldRestart({ name: 'always', maximumRetryCount: 0 }, { ...failed, stoppedByUser: true })).toBe(
    false,
  );
  expect(
    startsWithEngine(
      { name: 'always', maximumRetryCount: 0 },
      { exitCode: 0, restartCount: 0, stoppedByUser: true },
    ),
  ).toBe(true);
  expect(
    startsWithEngine(
      { name: 'unless-stopped', maximumRetryCount: 0 },
      { exitCode: 0, restartCount: 0, stoppedByUser: true },
    ),
  ).toBe(false);
  expect([
    nextDelayMs(0, 0),
    nextDelayMs(100, 50),
    nextDelayMs(50_000, 50),
    nextDelayMs(800, 10_000),
  ]).toEqual([100, 200, 60_000, 100]);
});

test('signals by name, number and offset', () => {
  expect(['SIGTERM', 'kill', '15', 'RTMIN+3', 'SIGRTMAX'].map(parseSignal)).toEqual([15, 9, 15, 37, 64]);
  for (const bad of ['', '0', '65', '-1', 'SIGNOPE', 'RTMIN+99', '9x'])
    expect(() => parseSignal(bad)).toThrow(/invalid signal|does not support signal/);
});

test('a clock that jumps neither shortens nor forgets the back-off for good', () => {
  const setBackMs = -86_400_000;
  expect(nextDelayMs(400, setBackMs)).toBe(800);
  // Set forward, a short run looks long: one delay is short, the next doubles again.
  expect(nextDelayMs(nextDelayMs(400, 86_400_000), 50)).toBe(200);
});
