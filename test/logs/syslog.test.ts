import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createSocket } from 'node:dgram';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipReason } from '../crash/world.ts';
import { eventually } from '../e2e/footprint.ts';
import { startEngine, type TestEngine } from '../e2e/harness.ts';
import { ask, bootstrapBusybox, launch, logs, remove, wait } from '../e2e/objects.ts';
import { noDatagrams, receiveDatagrams } from '../streams/datagrams.ts';

if (skipReason) console.log(`skipped: syslog: ${skipReason}`);
if (noDatagrams) console.log(`skipped: /dev/log: ${noDatagrams}`);

interface Receiver {
  server: Server;
  text(): string;
  close(): Promise<void>;
}

async function receive(place: { host: string; port: number } | { path: string }): Promise<Receiver> {
  let text = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', (chunk: Buffer) => void (text += chunk.toString()));
    socket.on('error', () => undefined);
    // What a dead sender left unfinished is no beginning of what the next one sends.
    socket.on('close', () => void (text += '\n'));
  });
  await new Promise<void>((resolve) => void server.listen(place, resolve));
  return {
    server,
    text: () => text,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const payloads = (text: string): string[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.slice(line.lastIndexOf(' ') + 1));

/** The engine has a `/dev` of its own, in which `log` leads to a socket of this test: the machine's may be in use. $0 is a folder. */
const ownDevices = `set -e; mkdir -p "$0/dev"; mount -t tmpfs -o mode=755 silo-devices "$0/dev"
for device in null zero full random urandom tty; do touch "$0/dev/$device"; mount --bind "/dev/$device" "$0/dev/$device"; done
ln -s /proc/self/fd "$0/dev/fd"; ln -s "$0/log-of-the-machine" "$0/dev/log"
mount --rbind "$0/dev" /dev; exec "$@"`;

describe.skipIf(skipReason !== undefined)('syslog', () => {
  let engine: TestEngine;
  let devices: string;
  let machineLog: string;
  beforeAll(async () => {
    devices = mkdtempSync(join(tmpdir(), 'silo-devices-'));
    machineLog = join(devices, 'log-of-the-machine');
    engine = await startEngine({ prefix: ['unshare', '--mount', 'sh', '-c', ownDevices, devices] });
    await bootstrapBusybox(engine);
  }, 60_000);
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(devices, { recursive: true, force: true });
  });

  const run = (name: string, script: string, options: Record<string, string>): Promise<string> =>
    launch(engine, name, {
      Cmd: ['sh', '-c', script],
      HostConfig: { LogConfig: { Type: 'syslog', Config: options } },
    });

  test('tcp gets every line in its format, and the log can be read here too', async () => {
    const receiver = await receive({ host: '127.0.0.1', port: 0 });
    await run('tcp', 'echo out; echo err >&2; seq 1 3000', {
      'syslog-address': `tcp://127.0.0.1:${portOf(receiver.server)}`,
      'syslog-format': 'rfc5424micro',
      'syslog-facility': 'local3',
      tag: '{{.Name}}/{{.ImageName}}',
    });
    await wait(engine, 'tcp');
    expect(await eventually(() => payloads(receiver.text()).length === 3002)).toBe(true);
    const lines = receiver.text().split('\n');
    expect(lines.find((line) => line.endsWith(' out'))).toMatch(
      /^<158>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ tcp\/busybox \d+ tcp\/busybox - out$/,
    );
    expect(lines.find((line) => line.endsWith(' err'))).toStartWith('<155>1 ');
    expect((await logs(engine, 'tcp')).endsWith('2999\n3000\n')).toBe(true);
    await remove(engine, 'tcp');
    await receiver.close();
  }, 30_000);

  test('a stream on a unix socket and udp work', async () => {
    const path = join(engine.directory, 'syslog.sock');
    const receiver = await receive({ path });
    const id = await run('unix', 'echo hello', { 'syslog-address': `unix://${path}` });
    expect(await eventually(() => receiver.text() !== '')).toBe(true);
    expect(receiver.text()).toMatch(
      /^<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [0-9a-f]{12}\[\d+\]: hello\n+$/,
    );
    expect(receiver.text()).toContain(` ${id.slice(0, 12)}[`);
    const socket = createSocket('udp4');
    let datagram = '';
    socket.on('message', (message) => void (datagram = message.toString()));
    await new Promise<void>((resolve) => void socket.bind(0, '127.0.0.1', resolve));
    await run('udp', 'echo hello', {
      'syslog-address': `udp://127.0.0.1:${socket.address().port}`,
      'syslog-format': 'rfc3164',
    });
    expect(await eventually(() => datagram !== '')).toBe(true);
    expect(datagram).toMatch(/^<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [0-9a-f]{12}\[\d+\]: hello$/);
    socket.close();
    for (const name of ['unix', 'udp']) await remove(engine, name);
    await receiver.close();
  }, 30_000);

  test.skipIf(noDatagrams !== undefined)(
    'without an address /dev/log gets the lines',
    async () => {
      using receiver = await receiveDatagrams(machineLog);
      await run('machine', 'echo hello', { tag: 'mine' });
      expect(await eventually(() => receiver.datagrams().length === 1)).toBe(true);
      expect(receiver.datagrams()[0]?.toString()).toMatch(
        /^<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mine\[\d+\]: hello$/,
      );
      await remove(engine, 'machine');
    },
    30_000,
  );

  test('a receiver that is away stalls nobody, and gets everything when it comes, also from the next engine', async () => {
    const first = await receive({ host: '127.0.0.1', port: 0 });
    const port = portOf(first.server);
    await first.close();
    await run('away', 'seq 1 2000; sleep 1000', { 'syslog-address': `tcp://127.0.0.1:${port}` });
    expect(await eventually(async () => (await logs(engine, 'away')).endsWith('2000\n'))).toBe(true);
    await engine.kill();
    await engine.start();
    const second = await receive({ host: '127.0.0.1', port });
    expect(await eventually(() => payloads(second.text()).length >= 2000)).toBe(true);
    expect(payloads(second.text())).toEqual(Array.from({ length: 2000 }, (_, i) => String(i + 1)));
    await remove(engine, 'away');
    await second.close();
  }, 60_000);

  test('a death between sending and noting it sends the last piece again and leaves nothing out', async () => {
    const receiver = await receive({ host: '127.0.0.1', port: 0 });
    await engine.stop();
    await engine.start({ fault: 'logs.forward.sent' });
    await run('again', 'seq 1 20000; sleep 1000', {
      'syslog-address': `tcp://127.0.0.1:${portOf(receiver.server)}`,
    });
    await engine.died();
    await engine.start();
    const isWhole = (): boolean => {
      const seen = new Set(payloads(receiver.text()));
      return Array.from({ length: 20_000 }, (_, i) => String(i + 1)).every((line) => seen.has(line));
    };
    expect(await eventually(isWhole)).toBe(true);
    await remove(engine, 'again');
    await receiver.close();
  }, 60_000);

  test.each([
    [{ 'syslog-address': 'tcp+tls://h:1', 'syslog-tls-key': '/k' }, 'belong together'],
    [{ 'syslog-address': 'nowhere' }, 'syslog-address should be in form proto://address, got nowhere'],
    [{ 'syslog-facility': 'odd' }, 'invalid syslog facility'],
    [{ 'syslog-format': 'odd' }, 'Invalid syslog format'],
    [{ 'max-size': '1m' }, "unknown log opt 'max-size' for syslog log driver"],
    [{ tag: '{{.Odd}}' }, 'the log tag knows no {{.Odd}}'],
  ])('%j is refused at create', async (options, words) => {
    const answer = await engine.api('POST', '/containers/create', {
      Image: 'busybox',
      HostConfig: { LogConfig: { Type: 'syslog', Config: options } },
    });
    expect(answer.status).toBe(400);
    expect((JSON.parse(answer.text) as { message: string }).message).toContain(words);
    expect(await ask(engine, 'GET', '/containers/json?all=1')).toBeArray();
  });
});
