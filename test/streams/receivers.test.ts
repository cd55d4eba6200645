import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { bootstrapBusybox, create, inspect, launch, logs, remove, wait } from '../e2e/objects.ts';
import { noDatagrams, readJournalMessage, receiveDatagrams } from './datagrams.ts';

const reason = skipReason ?? noDatagrams;
if (reason) console.log(`skipped: receivers of logs on datagram sockets: ${reason}`);

describe.skipIf(reason !== undefined)('logs as datagrams', () => {
  let engine: TestEngine;
  let socket: string;
  beforeAll(async () => {
    engine = await startEngine({ stopped: true });
    socket = join(engine.directory, 'journal');
    const settings = join(engine.directory, 'settings.json');
    writeFileSync(settings, JSON.stringify({ 'journal-socket': socket }));
    await engine.start({ args: ['--config', settings] });
    await bootstrapBusybox(engine);
  }, 60_000);
  afterAll(() => engine[Symbol.asyncDispose]());
  const again = async (): Promise<void> => {
    await engine.kill();
    await engine.start({ args: ['--config', join(engine.directory, 'settings.json')] });
  };

  test('journald: every line is a message with the names that Docker gives', async () => {
    using journal = await receiveDatagrams(socket);
    const id = await launch(engine, 'noted', {
      Cmd: ['sh', '-c', 'echo out; echo err >&2; head -c 20000 /dev/zero | tr "\\0" x; echo'],
      Env: ['COLOUR=green\n_odd=1'],
      HostConfig: { LogConfig: { Type: 'journald', Config: { tag: '{{.Name}}', env: 'COLOUR' } } },
    });
    await wait(engine, 'noted');
    const messages = (): Record<string, string>[] => journal.datagrams().map(readJournalMessage);
    const parts = (): Record<string, string>[] =>
      messages().filter(({ MESSAGE = '' }) => !['out', 'err'].includes(MESSAGE));
    // How many parts a long line has depends on how it was read from the program.
    const isOver = (): boolean => parts().at(-1)?.['CONTAINER_PARTIAL_MESSAGE'] === undefined;
    expect(await eventually(() => parts().length > 0 && isOver() && messages().length > 2)).toBe(true);
    const [out] = messages().filter(({ MESSAGE }) => MESSAGE === 'out');
    expect(out).toEqual({
      MESSAGE: 'out',
      PRIORITY: '6',
      CONTAINER_ID: id.slice(0, 12),
      CONTAINER_ID_FULL: id,
      CONTAINER_NAME: 'noted',
      CONTAINER_TAG: 'noted',
      SYSLOG_IDENTIFIER: 'noted',
      IMAGE_NAME: 'busybox',
      COLOUR: 'green\n_odd=1',
      SYSLOG_TIMESTAMP: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+\.\d{9}Z$/) as string,
    });
    expect(messages().find(({ MESSAGE }) => MESSAGE === 'err')?.['PRIORITY']).toBe('3');
    const texts = parts().map(({ MESSAGE = '' }) => MESSAGE);
    expect(texts.join('')).toBe('x'.repeat(20_000));
    expect(
      parts()
        .slice(0, -1)
        .every((part) => part['CONTAINER_PARTIAL_MESSAGE'] === 'true'),
    ).toBe(true);
    expect(await logs(engine, 'noted')).toContain('out\n');
    await remove(engine, 'noted');
    rmSync(socket);
  }, 60_000);

  test('journald: a machine without a journal says so at the start', async () => {
    await create(engine, 'unnoted', { Cmd: ['true'], HostConfig: { LogConfig: { Type: 'journald' } } });
    const answer = await engine.api('POST', '/containers/unnoted/start');
    expect([answer.status, answer.text]).toEqual([
      503,
      expect.stringContaining('failed to initialize logging driver: journald is not enabled on this host'),
    ]);
    expect((await inspect(engine, 'unnoted')).State.Running).toBe(false);
    await remove(engine, 'unnoted');
  });

  test('syslog: what a container said while its server was away is sent by the next engine, once, although the container has ended', async () => {
    const path = join(engine.directory, 'log');
    const id = await launch(engine, 'late', {
      Cmd: ['sh', '-c', 'seq 1 500; printf last'],
      HostConfig: { LogConfig: { Type: 'syslog', Config: { 'syslog-address': `unixgram://${path}` } } },
    });
    await wait(engine, 'late');
    await again();
    using server = await receiveDatagrams(path);
    const expected = [...Array.from({ length: 500 }, (_, i) => String(i + 1)), 'last'];
    const texts = (): string[] =>
      server.datagrams().map((datagram) => datagram.toString().split(': ')[1] ?? '');
    expect(await eventually(() => texts().length >= expected.length)).toBe(true);
    // A death between sending and noting it would send the last piece again.
    const noted = join(engine.dataRoot, 'containers', id, 'forwarded.json');
    expect(await eventually(() => existsSync(noted) && !readFileSync(noted, 'utf8').includes('stdout'))).toBe(
      true,
    );
    await again();
    await launch(engine, 'other', {
      Cmd: ['echo', 'other'],
      HostConfig: { LogConfig: { Type: 'syslog', Config: { 'syslog-address': `unixgram://${path}` } } },
    });
    expect(await eventually(() => texts().includes('other'))).toBe(true);
    expect(texts().filter((text) => text !== 'other')).toEqual(expected);
    for (const name of ['late', 'other']) await remove(engine, name);
  }, 60_000);
});
