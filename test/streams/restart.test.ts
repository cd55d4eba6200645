import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, launch, remove } from '../e2e/objects.ts';

if (skipReason) console.log(`skipped: streams across a restart of the engine: ${skipReason}`);

interface Following extends Disposable {
  stdout(): string;
  stderr(): string;
  ended: Promise<number>;
}

describe.skipIf(skipReason !== undefined)('while the engine restarts', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  }, 60_000);
  afterAll(() => engine[Symbol.asyncDispose]());

  const follow = (...args: string[]): Following => {
    const { command, env } = engine.client('silo', ...args);
    const [program = '', ...words] = command;
    const child = spawn(program, words, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    const seen = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => void (seen[name] += chunk.toString()));
    return {
      stdout: () => seen.stdout,
      stderr: () => seen.stderr,
      ended: new Promise((resolve) => void child.once('close', (code) => resolve(code ?? 137))),
      [Symbol.dispose]: () => void child.kill('SIGKILL'),
    };
  };

  test.each(['kill', 'stop'] as const)(
    'logs -f goes on without a gap or a double after a %s',
    async (how) => {
      const script =
        'i=0; while [ ! -e /over ]; do i=$((i+1)); echo $i; echo e$i >&2; usleep 2000; done; echo last $i';
      await launch(engine, 'counting', { Cmd: ['sh', '-c', script] });
      using following = follow('logs', '-f', 'counting');
      using tailing = follow('logs', '-f', '--tail', '1', 'counting');
      expect(await eventually(() => tailing.stdout() !== '')).toBe(true);
      for (let round = 0; round < 3; round++) {
        const before = following.stdout().length;
        expect(await eventually(() => following.stdout().length > before + 200)).toBe(true);
        await engine[how]();
        await engine.start();
      }
      expect((await engine.silo('exec', 'counting', 'touch', '/over')).code).toBe(0);
      expect(await following.ended).toBe(0);
      const count = Number(/last (\d+)\n$/.exec(following.stdout())?.[1]);
      const numbers = Array.from({ length: count }, (_, i) => String(i + 1));
      expect(following.stdout().split('\n')).toEqual([...numbers, `last ${count}`, '']);
      const errors = following
        .stderr()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('silo: '));
      expect(errors).toEqual(numbers.map((number) => `e${number}`));
      expect(following.stderr()).toContain('waiting for it');
      expect(await tailing.ended).toBe(0);
      expect(following.stdout().endsWith(tailing.stdout())).toBe(true);
      expect(tailing.stdout()).toContain('last');
      await remove(engine, 'counting');
    },
    120_000,
  );

  test('attach, exec and events say that the daemon went away, and the container goes on', async () => {
    await launch(engine, 'going', { Cmd: ['sh', '-c', 'while :; do echo on; sleep 0.05; done'] });
    using attached = follow('attach', 'going');
    using inside = follow('exec', 'going', 'sh', '-c', 'while :; do echo on; sleep 0.05; done');
    using events = follow('events');
    expect(await eventually(() => attached.stdout() !== '' && inside.stdout() !== '')).toBe(true);
    expect(
      await eventually(async () => {
        await ask(engine, 'POST', '/containers/going/pause');
        await ask(engine, 'POST', '/containers/going/unpause');
        // Told to a client means stored: nothing else says when.
        return events.stdout().includes(' unpause ');
      }),
    ).toBe(true);
    await engine.kill();
    for (const client of [attached, inside, events]) {
      expect(await client.ended).toBe(1);
      // An exec whose stream broke asks for the exit code first.
      expect(client.stderr()).toMatch(
        /lost the connection to the daemon|Cannot connect to the Silo daemon|error during connect/,
      );
    }
    await engine.start();
    const state = await ask<{ State: { Running: boolean } }>(engine, 'GET', '/containers/going/json');
    expect(state.State.Running).toBe(true);
    await remove(engine, 'going');
    // Whoever comes back sees the whole life, in its order.
    const words = 'events --since 1h --until 0s --filter container=going --filter type=container --format';
    const past = await engine.silo(...words.split(' '), '{{.Action}}');
    const actions = past.stdout.split('\n').filter((action) => !/^exec|attach|pause|^$/.test(action));
    expect(actions).toEqual(['create', 'start', 'kill', 'die', 'destroy']);
    expect(past.stdout).toContain('pause\nunpause\n');
  }, 60_000);
});
