import { afterAll, beforeAll, expect, test } from 'bun:test';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import type { StatsJson } from '../../src/foundation/wire/docker/stats.ts';
import { startEngine, type TestEngine } from './harness.ts';
import { bootstrapBusybox } from './objects.ts';
import { openTerminal } from './terminal.ts';

const skip = process.getuid?.() !== 0;
if (skip) console.log('skipped: statistics of real containers need root');

let engine: TestEngine;
let metricsPort = 0;
beforeAll(async () => {
  if (skip) return;
  metricsPort = await freePort();
  engine = await startEngine({ args: ['--metrics-addr', `127.0.0.1:${metricsPort}`] });
  await bootstrapBusybox(engine);
});
afterAll(async () => {
  if (!skip) await engine[Symbol.asyncDispose]();
});

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function start(name: string, script: string, ...options: string[]): Promise<void> {
  const words = ['-d', '--name', name, ...options, 'busybox', 'sh', '-c', script];
  const result = await engine.silo('run', ...words);
  expect(result.stderr).toBe('');
}

async function ask(name: string, query: string): Promise<StatsJson> {
  const answer = await engine.api('GET', `/containers/${name}/stats?${query}`);
  expect(answer.status).toBe(200);
  return JSON.parse(answer.text) as StatsJson;
}

/** Waits for an effect that the kernel counts, one sample a second. */
async function untilSeen(name: string, holds: (stats: StatsJson) => boolean): Promise<StatsJson> {
  for await (const stats of lines(name)) if (holds(stats)) return stats;
  throw new Error(`the statistics of ${name} ended`);
}

async function* lines(name: string): AsyncGenerator<StatsJson, void, void> {
  const abort = new AbortController();
  try {
    const response = await fetch(`http://localhost/containers/${name}/stats`, {
      unix: engine.socket,
      signal: AbortSignal.any([abort.signal, AbortSignal.timeout(30_000)]),
    });
    let rest = '';
    for await (const chunk of response.body ?? []) {
      rest += Buffer.from(chunk).toString();
      const whole = rest.split('\n');
      rest = whole.pop() ?? '';
      for (const line of whole) yield JSON.parse(line) as StatsJson;
    }
  } finally {
    abort.abort();
  }
}

test.skipIf(skip)('a container that burns a processor shows it in the second sample', async () => {
  await start('burn', 'while :; do :; done', '--cpus', '0.5', '-m', '64m', '--pids-limit', '50');
  const stats = await ask('burn', 'stream=false');
  const used = stats.cpu_stats.cpu_usage.total_usage - stats.precpu_stats.cpu_usage.total_usage;
  const host = (stats.cpu_stats.system_cpu_usage ?? 0) - (stats.precpu_stats.system_cpu_usage ?? 0);
  expect(used).toBeGreaterThan(0);
  expect(used).toBeLessThan(host);
  expect(stats.preread < stats.read).toBe(true);
  expect(stats.memory_stats.limit).toBe(64 * 1024 * 1024);
  expect(stats.pids_stats).toEqual({ current: 1, limit: 50 });
  expect(stats.name).toBe('/burn');
  const throttled = await untilSeen('burn', (now) => now.cpu_stats.throttling_data.throttled_periods > 0);
  expect(throttled.cpu_stats.throttling_data.periods).toBeGreaterThan(0);
});

test.skipIf(skip)('memory that a container allocates is counted', async () => {
  const size = 16 * 1024 * 1024;
  await start('hoard', `dd if=/dev/zero of=/dev/shm/f bs=1M count=16; sleep 1000`, '--shm-size', '32m');
  const stats = await untilSeen('hoard', ({ memory_stats: { usage = 0 } }) => usage >= size);
  expect(stats.memory_stats.limit).toBeGreaterThan(size);
});

test.skipIf(skip)('bytes over the bridge are counted, also for who shares the namespace', async () => {
  const size = 2_000_000;
  await start('listen', 'nc -l -p 7000 > /dev/null; sleep 1000');
  await start('share', 'sleep 1000', '--network', 'container:listen');
  const template = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  const address = (await engine.silo('inspect', '-f', template, 'listen')).stdout.trim();
  await send(address, 7000, Buffer.alloc(size));
  const received = ({ networks }: StatsJson): number => networks?.['eth0']?.rx_bytes ?? 0;
  const stats = await untilSeen('listen', (now) => received(now) >= size);
  expect(Object.keys(stats.networks ?? {})).toEqual(['eth0']);
  expect(received(await ask('share', 'stream=0&one-shot=1'))).toBeGreaterThanOrEqual(size);
});

/** Tries again until somebody listens. */
async function send(host: string, port: number, bytes: Uint8Array): Promise<void> {
  for (;;) {
    const socket = createConnection({ host, port });
    const sent = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.end(bytes, () => resolve(true)));
    });
    if (sent) return;
  }
}

test.skipIf(skip)('a container on the network of the host or on none has no network statistics', async () => {
  await start('hosted', 'sleep 1000', '--network', 'host');
  await start('alone', 'sleep 1000', '--network', 'none');
  expect((await ask('hosted', 'stream=0&one-shot=1')).networks).toBeUndefined();
  expect((await ask('alone', 'stream=0&one-shot=1')).networks).toBeUndefined();
});

/** The disk of the data root: version 1 counts only for devices that some group has a rule for. */
function blockDevice(): string | undefined {
  const { stdout } = Bun.spawnSync(['df', '--output=source', engine.directory]);
  const device = stdout.toString().trim().split('\n').at(-1) ?? '';
  return device.startsWith('/dev/') ? device : undefined;
}

test.skipIf(skip)('what a container writes past the cache to a device is counted', async () => {
  const device = blockDevice();
  if (!device) return console.log('skipped: statistics of devices need a data root on one');
  const script = 'dd if=/dev/zero of=/f bs=64k count=16 oflag=direct; sleep 1000';
  await start('write', script, '--device-write-bps', `${device}:500mb`);
  const written = (stats: StatsJson): number =>
    (stats.blkio_stats.io_service_bytes_recursive ?? [])
      .filter(({ op }) => op.toLowerCase() === 'write')
      .reduce((sum, { value }) => sum + value, 0);
  const stats = await untilSeen('write', (now) => written(now) >= 1 << 20);
  expect(stats.blkio_stats.io_service_bytes_recursive?.[0]?.major).toBeGreaterThan(0);
});

test.skipIf(skip)(
  'a container that does not run answers zeros, an unknown one 404, both wishes at once 400',
  async () => {
    await engine.silo('create', '--name', 'cold', 'busybox', 'true');
    const stats = await ask('cold', 'stream=false');
    expect(stats).toMatchObject({ name: '/cold', read: '0001-01-01T00:00:00Z', memory_stats: {} });
    const unknown = await engine.api('GET', '/containers/nobody/stats');
    expect(unknown.status).toBe(404);
    expect(JSON.parse(unknown.text)).toMatchObject({ message: 'No such container: nobody' });
    const both = await engine.api('GET', '/containers/cold/stats?one-shot=1');
    expect([both.status, JSON.parse(both.text)]).toEqual([
      400,
      { message: 'cannot have stream=true and one-shot=true' },
    ]);
  },
);

test.skipIf(skip)('a stream goes on over a stop and ends when the container is removed', async () => {
  await start('brief', 'sleep 1000');
  let seen = 0;
  let zeros = 0;
  for await (const stats of lines('brief')) {
    if (++seen === 1) await engine.silo('kill', 'brief');
    else if (stats.pids_stats.current === undefined && ++zeros === 1) await engine.silo('rm', 'brief');
  }
  expect(zeros).toBeGreaterThan(0);
});

test.skipIf(skip)('clients that never read hold nobody up', async () => {
  const sockets = Array.from({ length: 50 }, () => createConnection(engine.socket));
  try {
    for (const socket of sockets) {
      socket.pause();
      socket.write('GET /containers/burn/stats HTTP/1.1\r\nHost: d\r\n\r\n');
    }
    expect((await ask('burn', 'stream=0')).pids_stats.current).toBe(1);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test.skipIf(skip)(
  'silo stats shows containers as they come and go, and follows the size of the terminal',
  async () => {
    const { command, env } = engine.client('silo', 'stats');
    using terminal = openTerminal(command, { env, columns: 120, rows: 30 });
    await terminal.until('PIDS');
    await start('guest', 'sleep 1000');
    await terminal.until(/guest +\d+\.\d\d% +\S+ \/ \S+/);
    await engine.silo('rm', '-f', 'guest');
    await terminal.until(/\[H(?:(?!guest|\[J)[\s\S])+\[J/);
    terminal.resize(30, 30);
    await terminal.until('\x1b[HNAME      CPU %\x1b[K');
  },
);

test.skipIf(skip)('silo stats without a stream prints once, and fails for an unknown container', async () => {
  const once = await engine.silo('stats', '--no-stream', '--format', 'json', 'burn');
  expect(JSON.parse(once.stdout)).toMatchObject({ Container: 'burn', Name: 'burn', PIDs: '1' });
  const unknown = await engine.silo('stats', '--no-stream', 'burn', 'nobody');
  expect(unknown).toMatchObject({ code: 1, stdout: '' });
  expect(unknown.stderr).toContain('No such container: nobody');
});

test.skipIf(skip)(
  'metrics of running containers are served on the socket and on an address of their own',
  async () => {
    const onSocket = await engine.api('GET', '/metrics');
    expect(onSocket.text).toMatch(/^container_cpu_usage_seconds_total\{[^}]*name="burn"[^}]*\} [\d.]+$/m);
    const base = `http://127.0.0.1:${metricsPort}`;
    const own = await fetch(`${base}/metrics`);
    expect(own.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await own.text()).toContain('silo_container_state{');
    // Nothing else of the engine is there.
    expect((await fetch(`${base}/containers/json`)).status).toBe(404);
  },
);
