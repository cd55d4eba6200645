import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { programs, startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, inspect, launch, remove, wait } from '../e2e/objects.ts';
import { rawRequest, upgrade, type RawConversation } from '../e2e/raw-request.ts';
import { openTerminal } from '../e2e/terminal.ts';

if (skipReason) console.log(`skipped: clients that do not read: ${skipReason}`);

const megabyte = 1 << 20;

describe.skipIf(skipReason !== undefined)('a client that does not read', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  }, 60_000);
  afterAll(() => engine[Symbol.asyncDispose]());
  const residentBytes = (): number =>
    Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${engine.pid()}/status`, 'utf8'))?.[1]) * 1024;
  const attach = (name: string, query = 'stream=1&stdout=1&stderr=1&stdin=1'): RawConversation =>
    rawRequest(engine.socket, {
      method: 'POST',
      path: `/containers/${name}/attach?${query}`,
      headers: upgrade,
    });

  test('of 500 MB of output holds the program back, not the engine, whose memory stays', async () => {
    await launch(engine, 'loud', {
      Cmd: ['sh', '-c', 'read go; dd if=/dev/zero bs=1M count=500 2>/dev/null; touch /done'],
      OpenStdin: true,
      HostConfig: { LogConfig: { Type: 'none' } },
    });
    using slow = attach('loud');
    await slow.until('\r\n\r\n');
    const before = residentBytes();
    slow.socket.pause();
    slow.socket.write('go\n');
    const { Pid } = (await inspect(engine, 'loud')).State;
    const writer = (): string => readFileSync(`/proc/${Pid}/task/${Pid}/children`, 'utf8').trim();
    const written = (): string => readFileSync(`/proc/${writer()}/io`, 'utf8').split('\n')[1] ?? '';
    expect(await eventually(() => writer() !== '')).toBe(true);
    // It stands still: the same count twice, a while apart, is no proof of it, but what has been written then is far from all.
    let last = '';
    expect(
      await eventually(async () => {
        const now = written();
        const same = now === last;
        last = now;
        await Bun.sleep(300);
        return same;
      }),
    ).toBe(true);
    expect(Number(last.split(' ')[1])).toBeLessThan(100 * megabyte);
    expect((await engine.api('GET', '/_ping')).text).toBe('OK');
    const grown = residentBytes() - before;
    expect(grown).toBeLessThan(96 * megabyte);
    // The conversation keeps what it reads: end it instead, and the program goes on without a reader.
    slow.socket.destroy();
    expect(await wait(engine, 'loud')).toBe(0);
    expect(residentBytes() - before).toBeLessThan(128 * megabyte);
    await remove(engine, 'loud');
  }, 120_000);

  test('of a log holds back nobody: followers and the container go on', async () => {
    const id = await launch(engine, 'chatty', { Cmd: ['sh', '-c', 'seq 1 200000; echo over'] });
    using slow = rawRequest(engine.socket, {
      method: 'GET',
      path: `/containers/${id}/logs?stdout=1&follow=1`,
    });
    slow.socket.pause();
    const followed = await engine.silo('logs', '-f', 'chatty');
    expect(followed.stdout.split('\n').length).toBe(200_002);
    expect(followed.stdout.endsWith('\n200000\nover\n')).toBe(true);
    expect(await wait(engine, 'chatty')).toBe(0);
    await remove(engine, 'chatty');
  }, 120_000);

  test('a line of a megabyte is one line in logs, and each stream keeps its order', async () => {
    const script =
      'head -c 1000000 /dev/zero | tr "\\0" x; echo; i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo o$i; echo e$i >&2; done';
    await launch(engine, 'long', { Cmd: ['sh', '-c', script] });
    await wait(engine, 'long');
    for (const program of programs) {
      const { stdout, stderr } = await engine[program]('logs', '-t', 'long');
      const lines = stdout.split('\n');
      const numbers = Array.from({ length: 300 }, (_, i) => String(i + 1));
      expect(lines[0]?.slice(lines[0].indexOf(' ') + 1)).toBe('x'.repeat(1_000_000));
      const after = (line: string): string => line.slice(line.indexOf(' ') + 1);
      expect(lines.slice(1, -1).map(after)).toEqual(numbers.map((number) => `o${number}`));
      expect(stderr.split('\n').slice(0, -1).map(after)).toEqual(numbers.map((number) => `e${number}`));
    }
    await remove(engine, 'long');
  }, 60_000);

  test('one that hangs up in the middle takes nothing from the others', async () => {
    const script = 'while read line; do echo "got $line"; done';
    await launch(engine, 'shared', { Cmd: ['sh', '-c', script], OpenStdin: true });
    using first = attach('shared');
    using second = attach('shared');
    for (const client of [first, second]) await client.until('\r\n\r\n');
    first.socket.write('one\nhalf');
    for (const client of [first, second]) await client.until('got one');
    first.socket.resetAndDestroy();
    second.socket.write(' two\n');
    await second.until('two\n');
    expect((await inspect(engine, 'shared')).State.Running).toBe(true);
    await remove(engine, 'shared');
  }, 60_000);

  test.each(programs)(
    'a storm of sizes ends with the last one, and detach keys count in pieces, with %s',
    async (program) => {
      const { command, env } = engine.client(
        program,
        'run',
        '-it',
        '--name',
        `sized-${program}`,
        'busybox',
        'sh',
      );
      using shell = openTerminal(command, { env, columns: 80, rows: 24 });
      await shell.until('# ');
      for (let columns = 20; columns <= 220; columns++) shell.resize(columns, 50);
      shell.type('until [ "$(stty size)" = "50 220" ]; do sleep 0.05; done; echo fol""lowed\n');
      // The docker program tells the size at the start and later ones on connections of their own: a late first one may win.
      const again = setInterval(() => {
        if (program === 'docker') for (const columns of [219, 220]) shell.resize(columns, 50);
      }, 2000);
      await shell.until('followed').finally(() => clearInterval(again));
      shell.type('\u0010');
      shell.type('x');
      shell.type('\u0010');
      // The key before is on its way by itself when the answer to another request is there.
      await ask(engine, 'GET', '/containers/json');
      shell.type('\u0011');
      expect(await shell.ended).toBe(0);
      expect((await inspect(engine, `sized-${program}`)).State.Running).toBe(true);
      await remove(engine, `sized-${program}`);
    },
    60_000,
  );
});
