import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeDescriptor } from './at.ts';
import { IN_CLOSE_WRITE, IN_CREATE, IN_DELETE, IN_IGNORED, watchDirectory } from './inotify.ts';
import { check, declare } from './libc.ts';
import { openPidfd, sendSignal, watchExit, watchPid } from './pidfd.ts';
import { createPipe, createSocketPair, readPipe } from './pipe.ts';
import { createReactor, EPOLLHUP, EPOLLIN, EPOLLOUT, type Reactor } from './reactor.ts';
import { connectSeqpacket, wrapSeqpacket } from './seqpacket.ts';

describe('the reactor', () => {
  let reactor: Reactor;
  let folder = '';
  beforeAll(() => {
    reactor = createReactor();
    folder = mkdtempSync(join(tmpdir(), 'silo-reactor-'));
  });
  afterAll(() => {
    reactor[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  test('readiness becomes a callback, again while something is unread, and never after disposing', async () => {
    const { readFd, writeFd } = createPipe();
    let calls = 0;
    const first = Promise.withResolvers<void>();
    const third = Promise.withResolvers<void>();
    const watch = reactor.watch(readFd, EPOLLIN, (events) => {
      expect(events).toBe(EPOLLIN);
      calls++;
      first.resolve();
      if (calls < 3) return;
      watch[Symbol.dispose]();
      third.resolve();
    });
    writeSync(writeFd, 'x');
    await first.promise;
    await third.promise;
    writeSync(writeFd, 'y');
    await roundTrip(reactor);
    expect(calls).toBe(3);
    closeSync(readFd);
    closeSync(writeFd);
  });

  test('an event that arrived before disposing is dropped', async () => {
    const pipes = [createPipe(), createPipe()];
    let calls = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const watches = pipes.map(({ readFd }) =>
      reactor.watch(readFd, EPOLLIN, () => {
        calls++;
        for (const watch of watches) watch[Symbol.dispose]();
        for (const pipe of pipes) closeSync(pipe.readFd);
        resolve();
      }),
    );
    for (const { writeFd } of pipes) writeSync(writeFd, 'x');
    await promise;
    await roundTrip(reactor);
    expect(calls).toBe(1);
    for (const { writeFd } of pipes) closeSync(writeFd);
  });

  test('a paused watch does not even report a hang-up, a resumed one does', async () => {
    const { readFd, writeFd } = createPipe();
    const seen: number[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const watch = reactor.watch(readFd, 0, (events) => {
      seen.push(events);
      watch[Symbol.dispose]();
      resolve();
    });
    closeSync(writeFd);
    await roundTrip(reactor);
    expect(seen).toEqual([]);
    watch.update(EPOLLIN);
    await promise;
    expect(seen).toEqual([EPOLLHUP]);
    closeSync(readFd);
  });

  test('a descriptor that cannot be watched is refused and leaves nothing behind', () => {
    expect(() => reactor.watch(12_345, EPOLLIN, () => undefined)).toThrow('EBADF');
  });

  test('it does not keep a process alive in which nothing is watched', async () => {
    const kernel = import.meta.dirname;
    const script = `
      import { createReactor, EPOLLIN } from ${JSON.stringify(join(kernel, 'reactor.ts'))};
      import { createPipe } from ${JSON.stringify(join(kernel, 'pipe.ts'))};
      const watch = createReactor().watch(createPipe().readFd, EPOLLIN, () => undefined);
      setTimeout(() => { watch[Symbol.dispose](); console.log('released'); }, 30);
    `;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(output).toBe('released\n');
  });

  test('the end of a process that is not watched by its parent is seen', async () => {
    const child = spawn('sleep', ['30'], { stdio: 'ignore' });
    const reaped = once(child, 'exit');
    const pidfd = openPidfd(child.pid ?? 0) ?? -1;
    const { promise, resolve } = Promise.withResolvers<void>();
    watchExit(reactor, pidfd, resolve);
    expect(sendSignal(pidfd, 0)).toBe(true);
    expect(sendSignal(pidfd, 15)).toBe(true);
    await promise;
    await reaped;
    expect(sendSignal(pidfd, 15)).toBe(false);
    closeDescriptor(pidfd);
    expect(openPidfd(child.pid ?? 0)).toBeUndefined();
    expect(watchPid(reactor, child.pid ?? 0, () => undefined)).toBeUndefined();
  });

  test('what happens in a directory is told by name', async () => {
    const directory = join(folder, 'watched');
    mkdirSync(directory);
    const seen: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const watching = watchDirectory(
      reactor,
      directory,
      IN_CREATE | IN_CLOSE_WRITE | IN_DELETE,
      (name, mask) => {
        seen.push(`${name} ${mask}`);
        if (mask & IN_IGNORED) resolve();
      },
    );
    writeFileSync(join(directory, 'a'.repeat(64)), '0');
    rmSync(directory, { recursive: true });
    await promise;
    watching[Symbol.dispose]();
    const name = 'a'.repeat(64);
    expect(seen).toEqual([
      `${name} ${IN_CREATE}`,
      `${name} ${IN_CLOSE_WRITE}`,
      `${name} ${IN_DELETE}`,
      ` ${IN_IGNORED}`,
    ]);
  });

  test('a pipe is read to its end, which comes when every writer is gone', async () => {
    const child = createPipe();
    const shell = spawn('sh', ['-c', 'printf before; printf after >&3'], {
      stdio: ['ignore', 'ignore', 'ignore', child.writeFd],
    });
    const reaped = once(shell, 'exit');
    closeSync(child.writeFd);
    const { promise, resolve } = Promise.withResolvers<string>();
    let text = '';
    readPipe(reactor, child.readFd, {
      onData: (chunk) => (text += chunk.toString()),
      onEnd: (error) => resolve(`${text} ${String(error)}`),
    });
    expect(await promise).toBe('after undefined');
    await reaped;
  });

  test('a pipe that is disposed delivers nothing more and is closed', async () => {
    const { readFd, writeFd } = createPipe();
    const chunks: string[] = [];
    const reading = readPipe(reactor, readFd, {
      onData: (chunk) => chunks.push(String(chunk)),
      onEnd: () => undefined,
    });
    reading[Symbol.dispose]();
    expect(() => writeSync(writeFd, 'x')).toThrow('EPIPE');
    await roundTrip(reactor);
    expect(chunks).toEqual([]);
    closeSync(writeFd);
  });

  test('packets arrive whole and in order, also after a pause, and the half-closed side still receives', async () => {
    const [left, right] = createSocketPair('seqpacket');
    using a = wrapSeqpacket(reactor, left);
    using b = wrapSeqpacket(reactor, right);
    const seen: number[] = [];
    const paused = Promise.withResolvers<void>();
    b.onPacket((packet) => {
      seen.push(packet.length);
      if (seen.length === 3) {
        b.pause();
        paused.resolve();
      }
    });
    const sends = [1, 32_769, 7, 8, 65_536].map((size) => a.send(Buffer.alloc(size)));
    a.endWrites();
    await paused.promise;
    await roundTrip(reactor);
    expect(seen).toEqual([1, 32_769, 7]);
    b.resume();
    await Promise.all(sends);
    await b.closed;
    expect(seen).toEqual([1, 32_769, 7, 8, 65_536]);
    const answer = Promise.withResolvers<string>();
    a.onPacket((packet) => answer.resolve(packet.toString()));
    await b.send(Buffer.from('still here'));
    expect(await answer.promise).toBe('still here');
    b[Symbol.dispose]();
    await a.closed;
    expect(await failureOf(a.send(Buffer.from('x')))).toContain('EPIPE');
  });

  test('a sender waits while the receiver does not read', async () => {
    const [left, right] = createSocketPair('seqpacket');
    using sender = wrapSeqpacket(reactor, left);
    using receiver = wrapSeqpacket(reactor, right);
    let sent = 0;
    const count = 100;
    const sends = Array.from({ length: count }, async () => {
      await sender.send(Buffer.alloc(32_768));
      sent++;
    });
    await roundTrip(reactor);
    expect(sent).toBeLessThan(count);
    let received = 0;
    receiver.onPacket((packet) => (received += packet.length));
    await Promise.all(sends);
    sender.endWrites();
    await receiver.closed;
    expect(received).toBe(count * 32_768);
  });

  test('unsent packets fail when the connection is disposed', async () => {
    const [left, right] = createSocketPair('seqpacket');
    const sender = wrapSeqpacket(reactor, left);
    const sends = Array.from({ length: 50 }, () =>
      sender.send(Buffer.alloc(32_768)).catch((e: unknown) => e),
    );
    sender[Symbol.dispose]();
    expect(String((await Promise.all(sends)).at(-1))).toContain('EPIPE');
    await sender.closed;
    closeSync(right);
  });

  test('a socket is reached by a path longer than an address can hold', async () => {
    const directory = join(folder, 'd'.repeat(100), 'e'.repeat(100));
    mkdirSync(directory, { recursive: true });
    const listener = listen(directory);
    const path = join(directory, 's');
    using connection = await connectSeqpacket(reactor, path);
    const accepted = wrapSeqpacket(reactor, listener.accept());
    const greeting = Promise.withResolvers<string>();
    connection.onPacket((packet) => greeting.resolve(packet.toString()));
    await accepted.send(Buffer.from('hello'));
    expect(await greeting.promise).toBe('hello');
    accepted[Symbol.dispose]();
    await connection.closed;

    // The queue of the listener is now filled; the next connection waits for a place without blocking us.
    const queued = await Promise.all([connectSeqpacket(reactor, path), connectSeqpacket(reactor, path)]);
    const waiting = connectSeqpacket(reactor, path);
    const place = Promise.withResolvers<void>();
    setImmediate(place.resolve);
    await place.promise;
    for (let n = 0; n < 3; n++) closeDescriptor(listener.accept());
    for (const late of [...queued, await waiting]) late[Symbol.dispose]();
    listener.close();
    expect(await failureOf(connectSeqpacket(reactor, path))).toContain('ECONNREFUSED');
    expect(await failureOf(connectSeqpacket(reactor, `${path}-absent`))).toContain('ENOENT');
  });

  test('descriptors made here are closed on exec', () => {
    const { readFd, writeFd } = createPipe();
    const pair = createSocketPair('stream');
    for (const fd of [readFd, writeFd, ...pair]) {
      expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/flags:\s+02\d{6}/);
      closeSync(fd);
    }
  });
});

/** Resolves after the reactor has passed once over everything that was ready before. */
async function roundTrip(reactor: Reactor): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    const [left, right] = createSocketPair('stream');
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const watch = reactor.watch(left, EPOLLOUT, resolve);
    await promise;
    watch[Symbol.dispose]();
    closeSync(left);
    closeSync(right);
  }
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no failure',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

/** A `SOCK_SEQPACKET` listener at `s` of the directory with room for two waiting connections. */
function listen(directory: string): { accept(): number; close(): void } {
  const socket = declare<[number, number, number]>('socket', 'int', ['int', 'int', 'int']);
  const bind = declare<[number, Uint8Array, number]>('bind', 'int', ['int', 'void*', 'uint32']);
  const start = declare<[number, number]>('listen', 'int', ['int', 'int']);
  const accept4 = declare<[number, null, null, number]>('accept4', 'int', ['int', 'void*', 'void*', 'int']);
  const fd = check(socket(1, 5 | 0o2000000, 0), 'socket');
  const address = Buffer.alloc(110);
  address.writeUInt16LE(1, 0);
  const before = process.cwd();
  process.chdir(directory);
  address.write('s', 2);
  check(bind(fd, address, 4), 'bind');
  process.chdir(before);
  check(start(fd, 1), 'listen');
  return {
    accept: () => check(accept4(fd, null, null, 0o2000000), 'accept4'),
    close: () => closeSync(fd),
  };
}
