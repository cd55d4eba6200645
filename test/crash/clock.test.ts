import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, inspect, launch, logs, remove, runOnce, wait } from '../e2e/objects.ts';
import { createTurnedClock } from '../e2e/turned-clock.ts';
import { findLeftovers } from './whole.ts';
import { skipReason } from './world.ts';

if (skipReason) console.log(`skipped: a clock that jumps: ${skipReason}`);

setDefaultTimeout(90_000);

const day = 86_400_000;

interface Checked {
  State: { Health: { Status: string; Log: { Output: string }[] } };
}

describe.skipIf(skipReason !== undefined)('an engine whose clock jumps', () => {
  const clock = createTurnedClock();
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine({ env: clock.env });
    await bootstrapBusybox(engine);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    clock[Symbol.dispose]();
  });

  /** The number of the last check. */
  const checks = async (): Promise<number> => {
    const { State } = await ask<Checked>(engine, 'GET', '/containers/steady/json');
    return Number(State.Health.Log.at(-1)?.Output ?? 0);
  };
  const restarts = async (): Promise<number> => (await inspect(engine, 'restless')).RestartCount;
  const clockOf = async (): Promise<number> =>
    Date.parse((await ask<{ SystemTime: string }>(engine, 'GET', '/info')).SystemTime);

  test('a day ahead, two back and home again keeps containers, their checks, restarts and ends', async () => {
    const ms = 1_000_000;
    await launch(engine, 'steady', {
      Cmd: ['sh', '-c', 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.05; done'],
      Healthcheck: {
        Test: ['CMD-SHELL', 'n=$(cat /n 2>/dev/null || echo 0); echo $((n+1)) | tee /n'],
        Interval: 100 * ms,
        Retries: 1,
      },
    });
    await launch(engine, 'restless', {
      Cmd: ['sleep', '0.1'],
      HostConfig: { RestartPolicy: { Name: 'always' } },
    });
    const { State } = await inspect(engine, 'steady');
    let seen = 0;
    for (const turned of [day, -day, 0]) {
      clock.turn(turned);
      expect(Math.abs((await clockOf()) - Date.now() - turned)).toBeLessThan(day / 2);
      const [checked, restarted] = [await checks(), await restarts()];
      expect(await eventually(async () => (await checks()) > checked + 1)).toBe(true);
      expect(await eventually(async () => (await restarts()) > restarted)).toBe(true);
      expect((await runOnce(engine, 'short', { Cmd: ['sh', '-c', 'echo ran; exit 3'] })).code).toBe(3);

      // An end by time limit is one by time that passed.
      await launch(engine, 'stubborn', { Cmd: ['sh', '-c', 'trap : TERM; while :; do sleep 1; done'] });
      await ask(engine, 'POST', '/containers/stubborn/stop?t=1');
      expect(await wait(engine, 'stubborn')).toBe(137);
      await remove(engine, 'stubborn');

      const lines = (await logs(engine, 'steady')).split('\n').length;
      expect(lines).toBeGreaterThan(seen);
      seen = lines;
      expect((await inspect(engine, 'steady')).State).toMatchObject({ Status: 'running', Pid: State.Pid });

      // A death in between changes nothing.
      await engine.kill();
      await engine.start();
      expect((await inspect(engine, 'steady')).State).toMatchObject({ Status: 'running', Pid: State.Pid });
    }
    for (const name of ['steady', 'restless']) await remove(engine, name);
    expect(await findLeftovers(engine)).toEqual([]);
  });
});
