import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { toSiloError } from '../../../foundation/base/errors.ts';
import { watchPid } from '../../../foundation/kernel/pidfd.ts';
import type { CreateContainer, ExecProcess } from '../runtime.ts';
import { findMonitor } from './find-monitor.ts';
import { createLayout } from './layout.ts';
import {
  cannotRun,
  collectOutput,
  createFixture,
  newExecId,
  waitForOutput,
  type Fixture,
} from './test-fixture.ts';

describe.skipIf(cannotRun !== '')('streams of the oci driver', () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await createFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  const createAttached = async (args: string[], change?: (request: CreateContainer) => void) => {
    const request = fixture.request(args, change);
    await fixture.driver.containers.create(request);
    return { request, streams: await fixture.driver.streams.attach({ id: request.id }) };
  };

  test('attaching before start misses nothing and keeps the streams apart', async () => {
    const { request, streams } = await createAttached(['sh', '-c', 'echo out; echo err >&2; seq 50000']);
    const output = collectOutput(streams);
    await fixture.driver.containers.start(request.id);
    const { stdout, stderr } = await output;
    expect(stderr).toBe('err\n');
    expect(stdout.startsWith('out\n1\n2\n')).toBe(true);
    expect(stdout.split('\n')).toHaveLength(50_002);
  });

  test('all who wait for the start see the first byte, however late the monitor gets to them', async () => {
    const request = fixture.request(['seq', '1', '9000']);
    const { pid } = await fixture.driver.containers.create(request);
    const monitor = await findMonitor(createLayout(join(fixture.folder, 'run')).container(request.id));
    if (!monitor) throw new Error('no monitor');
    process.kill(monitor.pid, 'SIGSTOP');
    const clients = [{}, { input: false }, { input: false }];
    const ended = Promise.withResolvers<void>();
    using _ = watchPid(fixture.reactor, pid, ended.resolve);
    const outputs = (await fixture.driver.streams.attachTogether(request.id, clients)).map(collectOutput);
    await fixture.driver.containers.start(request.id);
    await ended.promise;
    process.kill(monitor.pid, 'SIGCONT');
    for (const { stdout } of await Promise.all(outputs)) expect(stdout).toHaveLength(43_893);
  });

  test('input arrives whole, and ending it ends the program', async () => {
    const { request, streams } = await createAttached(['wc', '-c'], (wanted) => {
      wanted.stdin = 'once';
    });
    const output = collectOutput(streams);
    await fixture.driver.containers.start(request.id);
    await streams.write(new Uint8Array(3_000_000).fill(97));
    streams.endInput();
    expect((await output).stdout.trim()).toBe('3000000');
    expect((await fixture.exitOf(request.id)).exitCode).toBe(0);
  });

  test('an input that stays open survives the leaving of a client', async () => {
    const { request, streams } = await createAttached(['cat'], (wanted) => {
      wanted.stdin = 'open';
    });
    await fixture.driver.containers.start(request.id);
    await streams.write(Buffer.from('one\n'));
    await waitForOutput(streams, 'one');
    streams[Symbol.dispose]();
    const second = await fixture.driver.streams.attach({ id: request.id });
    await second.write(Buffer.from('two\n'));
    await waitForOutput(second, 'two');
    await fixture.driver.containers.delete(request.id);
  });

  test('a client that only reads does not end the input of another when it leaves', async () => {
    const { request, streams } = await createAttached(['cat'], (wanted) => {
      wanted.stdin = 'once';
    });
    const reader = await fixture.driver.streams.attach({ id: request.id }, { input: false });
    await fixture.driver.containers.start(request.id);
    await streams.write(Buffer.from('one\n'));
    await waitForOutput(reader, 'one');
    reader[Symbol.dispose]();
    await streams.write(Buffer.from('two\n'));
    await waitForOutput(streams, 'two');
    streams.endInput();
    expect((await fixture.exitOf(request.id)).exitCode).toBe(0);
  });

  test('a client that stops reading holds back neither the end of its container nor its own output', async () => {
    const { request, streams } = await createAttached(['yes']);
    request.log.driver = 'none';
    let bytes = 0;
    const firstChunk = Promise.withResolvers<void>();
    let blocked = true;
    streams.onOutput((_, chunk) => {
      bytes += chunk.length;
      firstChunk.resolve();
      return !blocked;
    });
    await fixture.driver.containers.start(request.id);
    await firstChunk.promise;
    await Bun.sleep(50);
    const whilePaused = bytes;
    await fixture.driver.containers.kill(request.id, 9);
    expect((await fixture.exitOf(request.id)).exitCode).toBe(137);
    expect(bytes).toBe(whilePaused);
    blocked = false;
    streams.resume();
    await streams.closed;
    expect(bytes).toBeGreaterThan(whilePaused);
  });

  test('a terminal has the size that was set, echoes, and is resized', async () => {
    const { request, streams } = await createAttached(['sh'], (wanted) => {
      wanted.terminal = true;
      wanted.stdin = 'once';
      wanted.spec.process.consoleSize = { height: 31, width: 91 };
    });
    await fixture.driver.containers.start(request.id);
    const size = waitForOutput(streams, '31 91');
    await streams.write(Buffer.from('stty size\n'));
    expect(await size).toContain('stty size');
    await fixture.driver.streams.resize({ id: request.id }, { rows: 40, columns: 120 });
    const resized = waitForOutput(streams, '40 120');
    await streams.write(Buffer.from('stty size\n'));
    await resized;
    const end = collectOutput(streams);
    await streams.write(Buffer.from('exit 9\n'));
    await end;
    expect((await fixture.exitOf(request.id)).exitCode).toBe(9);
  });

  describe('exec', () => {
    let container: CreateContainer;
    beforeAll(async () => {
      container = fixture.request(['sleep', '70']);
      await fixture.driver.containers.create(container);
      await fixture.driver.containers.start(container.id);
    });

    const request = (args: string[], change: Partial<ExecProcess> = {}, terminal = false): ExecProcess => ({
      id: container.id,
      execId: newExecId(),
      process: { ...container.spec.process, args, terminal },
      attach: true,
      stdin: false,
      ...change,
    });

    test('delivers all output and the exit code, and leaves no folder', async () => {
      const wanted = request(['sh', '-c', 'echo out; echo err >&2; exit 5']);
      const { pid, streams } = await fixture.driver.execs.exec(wanted);
      expect(pid).toBeGreaterThan(0);
      if (!streams) throw new Error('not attached');
      expect(await collectOutput(streams)).toEqual({ stdout: 'out\n', stderr: 'err\n' });
      expect(await fixture.exitOf(wanted.execId)).toMatchObject({ id: container.id, exitCode: 5 });
      await fixture.driver.execs.forgetExec(container.id, wanted.execId);
      const folder = join(fixture.folder, 'run', container.id, 'execs', wanted.execId);
      expect(existsSync(folder)).toBe(false);
    });

    test('takes input until its end', async () => {
      const { streams } = await fixture.driver.execs.exec(request(['wc', '-c'], { stdin: true }));
      if (!streams) throw new Error('not attached');
      const output = collectOutput(streams);
      await streams.write(new Uint8Array(500_000));
      streams.endInput();
      expect((await output).stdout.trim()).toBe('500000');
    });

    test('has a terminal that can be resized', async () => {
      const wanted = request(['sh'], { stdin: true }, true);
      const { streams } = await fixture.driver.execs.exec(wanted);
      if (!streams) throw new Error('not attached');
      await fixture.driver.streams.resize(
        { id: container.id, execId: wanted.execId },
        { rows: 33, columns: 77 },
      );
      const size = waitForOutput(streams, '33 77');
      await streams.write(Buffer.from('stty size\n'));
      await size;
      await streams.write(Buffer.from('exit 4\n'));
      expect((await fixture.exitOf(wanted.execId)).exitCode).toBe(4);
    });

    test('without attaching reports its end', async () => {
      const wanted = request(['sh', '-c', 'exit 6'], { attach: false });
      await fixture.driver.execs.exec(wanted);
      expect((await fixture.exitOf(wanted.execId)).exitCode).toBe(6);
    });

    test('names a program and a working directory that are not there', async () => {
      const failure = (wanted: ExecProcess) =>
        fixture.driver.execs.exec(wanted).then(
          () => Promise.reject(new Error('it should have failed')),
          (error: unknown) => toSiloError(error),
        );
      for (const attach of [true, false]) {
        const missing = await failure(request(['nosuch'], { attach }));
        expect([missing.code, missing.message]).toEqual([
          'command-not-found',
          'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
        ]);
      }
      const process = { ...container.spec.process, args: ['true'], cwd: '/nosuchfolder' };
      const noFolder = await failure(request([], { process }));
      expect([noFolder.code, noFolder.message.includes('no such file or directory')]).toEqual([
        'working-directory',
        true,
      ]);
    });

    test('runs as the user that was asked for', async () => {
      const process = {
        ...container.spec.process,
        args: ['id'],
        user: { uid: 1, gid: 7, additionalGids: [9] },
      };
      const { streams } = await fixture.driver.execs.exec(request([], { process }));
      if (!streams) throw new Error('not attached');
      expect((await collectOutput(streams)).stdout).toBe('uid=1 gid=7 groups=9\n');
    });
  });
});
