import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { findLeftovers } from '../crash/whole.ts';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import {
  ask,
  bootstrapBusybox,
  create,
  inspect,
  launch,
  logs,
  remove,
  start,
  unframe,
  wait,
} from '../e2e/objects.ts';
import { lifeOfAnother } from './frozen-world.ts';

if (skipReason) console.log(`skipped: clients that do not read: ${skipReason}`);

setDefaultTimeout(90_000);

/** The engine's own memory for one client that does not read is far below this. */
const allowedGrowthBytes = 128 * 1024 * 1024;

describe.skipIf(skipReason !== undefined)('clients that do not read or do not finish', () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
    await bootstrapBusybox(engine);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  /** A connection that asks and never reads the answer. */
  const mute = (method: string, path: string, headers = ''): Socket => {
    const socket = connect(engine.socket);
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
    return socket;
  };

  test.each([
    ['follow the log', 'GET', '/containers/talker/logs?stdout=1&follow=1', ''],
    ['read stats', 'GET', '/containers/talker/stats', ''],
    ['read events', 'GET', '/events', ''],
    ['take an export', 'GET', '/containers/talker/export', ''],
    ['take an archive', 'GET', '/containers/talker/archive?path=/bin', ''],
  ])('those that %s cost bounded memory and hold nobody up', async (_, method, path, headers) => {
    const talking = 'i=0; while :; do i=$((i+1)); echo $i; [ $((i % 2000)) = 0 ] && usleep 10000; done';
    await launch(engine, 'talker', { Cmd: ['sh', '-c', talking] });
    const before = residentBytes(engine);
    const sockets = Array.from({ length: 10 }, () => mute(method, path, headers));
    for (let round = 0; round < 3; round++) await lifeOfAnother(engine);
    // The program goes on: its log grows while nobody reads it.
    const size = (await logs(engine, 'talker')).length;
    expect(await eventually(async () => (await logs(engine, 'talker')).length > size)).toBe(true);
    expect(residentBytes(engine) - before).toBeLessThan(allowedGrowthBytes);
    await remove(engine, 'talker');
    for (const socket of sockets) socket.destroy();
    await lifeOfAnother(engine);
    expect(await findLeftovers(engine)).toEqual([]);
  });

  test('an attached one holds its own container only, which can be killed and removed', async () => {
    await launch(engine, 'talker', { Cmd: ['sh', '-c', 'while :; do echo word; done'] });
    const before = residentBytes(engine);
    const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';
    const socket = mute('POST', '/containers/talker/attach?stream=1&stdout=1', upgrade);
    for (let round = 0; round < 3; round++) await lifeOfAnother(engine);
    expect((await inspect(engine, 'talker')).State.Status).toBe('running');
    expect(residentBytes(engine) - before).toBeLessThan(allowedGrowthBytes);
    await ask(engine, 'POST', '/containers/talker/stop?signal=KILL');
    await remove(engine, 'talker');
    socket.destroy();
    expect(await findLeftovers(engine)).toEqual([]);
  });

  // Measured: Docker 26.1 does the same.
  test('of several attached ones, one that never reads holds back the program and the others, until it goes', async () => {
    await create(engine, 'talker', { Cmd: ['seq', '1', '1000000'] });
    const attach = async (onData: (chunk: Buffer) => void): Promise<Socket> => {
      const socket = connect(engine.socket);
      socket.on('error', () => undefined);
      socket.write(
        'POST /containers/talker/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
      );
      // The head alone: nothing has been written yet.
      await new Promise((resolve) => socket.once('data', resolve));
      socket.on('data', onData);
      return socket;
    };
    const deaf = await attach(() => undefined);
    deaf.pause();
    const chunks: Buffer[] = [];
    const reader = await attach((chunk) => void chunks.push(chunk));
    const ended = new Promise((resolve) => reader.once('end', resolve));
    await start(engine, 'talker');
    expect(await eventually(() => chunks.length > 0)).toBe(true);
    await lifeOfAnother(engine);
    expect((await inspect(engine, 'talker')).State.Status).toBe('running');
    deaf.destroy();
    expect(await wait(engine, 'talker')).toBe(0);
    await ended;
    expect(unframe(Buffer.concat(chunks)).length).toBe(6_888_896);
    reader.destroy();
    await remove(engine, 'talker');
  });

  test('500 connections with half a request hold nobody up and are let go', async () => {
    const halves = [
      'GET /version HT',
      'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{',
    ];
    const before = descriptors(engine);
    const sockets = Array.from({ length: 500 }, (_, place) => {
      const socket = connect(engine.socket);
      socket.on('error', () => undefined);
      socket.write(halves[place % halves.length] ?? '');
      return socket;
    });
    expect(await eventually(() => descriptors(engine) >= before + 500)).toBe(true);
    await lifeOfAnother(engine);
    for (const socket of sockets) socket.destroy();
    expect(await eventually(() => descriptors(engine) <= before + 10)).toBe(true);
    expect(await findLeftovers(engine)).toEqual([]);
  });
});

const residentBytes = (engine: TestEngine): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${engine.pid()}/status`, 'utf8'))?.[1]) * 1024;

const descriptors = (engine: TestEngine): number => readdirSync(`/proc/${engine.pid()}/fd`).length;
