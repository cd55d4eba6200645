import { afterEach, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { toSiloError } from '../../../foundation/base/errors.ts';
import { changeElements } from '../../../foundation/kernel/netlink/nftables-elements.ts';
import { openNetfilterSocket } from '../../../foundation/kernel/netlink/socket.ts';
import {
  compareElements,
  elementsOf,
  renderTable,
  type FirewallPlan,
  type PublishedPort,
} from '../firewall-rules.ts';
import { runNft } from '../nft.ts';
import { toSetChanges } from '../port-elements.ts';
import {
  machineAt,
  openResources,
  port,
  startContainer,
  startOutside,
  stopEverything,
} from '../test-sandbox.ts';

const host = machineAt(null);
const bridged = (value: '0' | '1'): void => {
  for (const name of ['iptables', 'ip6tables'])
    try {
      writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${name}`, value);
    } catch {
      // Without br_netfilter there is nothing to set.
    }
};
afterEach(async () => {
  await stopEverything();
  host.run('nft', 'flush', 'ruleset');
  for (const link of (host.run('ip', '-br', 'link') ?? '').matchAll(/^((?:silo|br-|out)[^@ ]*)/gm))
    host.run('ip', 'link', 'del', link[1] ?? '');
});

for (const filtered of ['0', '1'] as const)
  test(`a published port answers from everywhere, with the source kept (bridged traffic filtered: ${filtered})`, async () => {
    bridged(filtered);
    const outside = await startOutside(host);
    const resources = await openResources();
    const ports = [port(7, { hostPort: 8080 }), port(7, { hostPort: 8080, protocol: 'udp' })];
    const web = await startContainer(resources, { ports });
    const other = await startContainer(resources);
    await web.serve(7);
    const { gateway } = web.endpoint.ipv4;
    expect(await outside.ask('198.51.100.1', 8080)).toBe('tcp 198.51.100.2');
    expect(await outside.ask('198.51.100.1', 8080, 'udp')).toBe('udp 198.51.100.2');
    expect(await outside.ask('2001:db8::1', 8080)).toBe('tcp 2001:db8::2');
    expect(await host.ask('127.0.0.1', 8080)).toBe(`tcp ${gateway}`);
    expect(await host.ask('127.0.0.1', 8080, 'udp')).toBe(`udp ${gateway}`);
    expect(await host.ask('198.51.100.1', 8080)).toBe('tcp 198.51.100.1');
    expect(await host.ask('2001:db8::1', 8080)).toBe('tcp 2001:db8::1');
    expect(await other.ask(gateway, 8080)).toBe(`tcp ${gateway}`);
    expect(await web.ask('198.51.100.1', 8080)).toBe(`tcp ${gateway}`);
    const loopback6 = await host.ask('::1', 8080);
    expect(loopback6).toBe(filtered === '0' ? `tcp ${web.endpoint.ipv6?.gateway}` : 'ECONNREFUSED');
  });

test('a port that is published on one address answers there only', async () => {
  bridged('0');
  const outside = await startOutside(host);
  const resources = await openResources();
  const web = await startContainer(resources, {
    ports: [
      port(7, { hostAddress: '127.0.0.1', hostPort: 8081 }),
      port(7, { hostAddress: '::1', hostPort: 8082 }),
      port(7, { hostAddress: '198.51.100.1', hostPort: 8083 }),
    ],
  });
  await web.serve(7);
  expect(await host.ask('127.0.0.1', 8081)).toStartWith('tcp ');
  expect(await host.ask('127.0.0.2', 8081)).toBe('ECONNREFUSED');
  expect(await outside.ask('198.51.100.1', 8081)).toBe('ECONNREFUSED');
  expect(await host.ask('::1', 8082)).toStartWith('tcp ');
  expect(await host.ask('2001:db8::1', 8082)).toBe('ECONNREFUSED');
  expect(await outside.ask('198.51.100.1', 8083)).toBe('tcp 198.51.100.2');
  expect(await host.ask('127.0.0.1', 8083)).toBe('ECONNREFUSED');
});

test('loopback stays closed: to neighbours that address it on the wire, and to containers', async () => {
  const outside = await startOutside(host);
  const resources = await openResources();
  const web = await startContainer(resources, {
    ports: [port(7, { hostAddress: '127.0.0.1', hostPort: 8080 })],
  });
  await web.serve(7);
  await host.serve(9);
  for (const [machine, gateway] of [
    [outside, '198.51.100.1'],
    [web, web.endpoint.ipv4.gateway],
  ] as const) {
    writeSysctlIn(machine.pid, 'net.ipv4.conf.all.route_localnet=1');
    machine.run('ip', 'addr', 'del', '127.0.0.1/8', 'dev', 'lo');
    machine.run('ip', 'route', 'flush', 'table', 'local', '127.0.0.0/8');
    expect(machine.run('ip', 'route', 'add', '127.0.0.1', 'via', gateway)).toBeDefined();
  }
  const answers = [outside.ask('127.0.0.1', 8080), outside.ask('127.0.0.1', 9), web.ask('127.0.0.1', 9)];
  expect(await Promise.all(answers)).toEqual(['timeout', 'timeout', 'timeout']);
  expect(await host.ask('127.0.0.1', 8080)).toStartWith('tcp ');
});

function writeSysctlIn(pid: number, setting: string): void {
  expect(machineAt(pid).run('sysctl', '-qw', setting)).toBeDefined();
}

test('taken ports are refused with the texts that clients know', async () => {
  const resources = await openResources();
  const first = await startContainer(resources, { name: 'first', ports: [port(80, { hostPort: 8080 })] });
  const failure = async (ports: ReturnType<typeof port>[]): Promise<ReturnType<typeof toSiloError>> =>
    startContainer(resources, { name: 'second', ports }).then(() => expect.unreachable(), toSiloError);
  const taken = await failure([port(81, { hostPort: 8080, hostAddress: '127.0.0.1' })]);
  expect(taken.kind).toBe('conflict');
  expect(taken.code).toBe('port-allocated');
  expect(taken.message).toMatch(
    /^driver failed programming external connectivity on endpoint second \([0-9a-f]{64}\): Bind for 127\.0\.0\.1:8080 failed: port is already allocated$/,
  );
  const stranger = createServer().listen(8090, '127.0.0.1');
  await once(stranger, 'listening');
  const foreign = await failure([port(80, { hostPort: 8090 })]);
  expect(foreign.code).toBe('port-allocated');
  expect(foreign.message).toMatch(
    /failed to bind host port for 0\.0\.0\.0:8090:172\.29\.0\.\d+:80\/tcp: address already in use$/,
  );
  expect((await failure([port(80, { hostAddress: '203.0.113.1', hostPort: 80 })])).message).toEndWith(
    'cannot assign requested address',
  );
  stranger.close();
  await once(stranger, 'close');
  await resources.endpoints.release(first.id);
  const again = await startContainer(resources, {
    ports: [port(80, { hostPort: 8080 }), port(80, { hostPort: 8090 })],
  });
  expect(again.endpoint.ports.map(({ hostAddress, hostPort }) => `${hostAddress} ${hostPort}`)).toEqual([
    '0.0.0.0 8080',
    ':: 8080',
    '0.0.0.0 8090',
    ':: 8090',
  ]);
});

test('port 0 gets a free port, the same in both families, that nobody else can take', async () => {
  const resources = await openResources();
  const web = await startContainer(resources, { ports: [port(7), port(7, { protocol: 'udp' })] });
  await web.serve(7);
  const [tcp4, tcp6] = web.endpoint.ports;
  expect(tcp4?.hostPort).toBeGreaterThan(1023);
  expect(tcp6).toEqual({
    containerPort: 7,
    protocol: 'tcp',
    hostAddress: '::',
    hostPort: tcp4?.hostPort ?? 0,
  });
  expect(await host.ask('127.0.0.1', tcp4?.hostPort ?? 0)).toStartWith('tcp ');
  const stranger = createServer().listen(tcp4?.hostPort, '127.0.0.1');
  const [error] = (await once(stranger, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('EADDRINUSE');
});

test('a released port is closed at once and can be used again', async () => {
  const resources = await openResources();
  for (let round = 0; round < 3; round++) {
    const web = await startContainer(resources, { ports: [port(7, { hostPort: 8080 })] });
    await web.serve(7);
    expect(await host.ask('127.0.0.1', 8080)).toStartWith('tcp ');
    await resources.endpoints.release(web.id);
    expect(await host.ask('127.0.0.1', 8080)).toBe('ECONNREFUSED');
  }
});

test('many containers with ports at once cost few transactions', async () => {
  const resources = await openResources();
  await startContainer(resources);
  const start = performance.now();
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      startContainer(resources, { ports: [port(7, { hostPort: 9000 + index })] }),
    ),
  );
  const started = performance.now() - start;
  const one = performance.now();
  const single = await resources.endpoints.reserve({
    containerId: all[0]?.id ?? expect.unreachable(),
    networkId: (await resources.networks.create({ name: 'second', driver: 'bridge' })).id,
    containerName: 'x',
    ports: [],
  });
  expect(single.ports).toEqual([]);
  const reserved = performance.now() - one;
  const listed = host.run('nft', 'list', 'map', 'inet', 'silo', 'any4') ?? '';
  expect(listed.match(/tcp \. 90\d\d/g)).toHaveLength(20);
  const closing = performance.now();
  await Promise.all(all.map(({ id }) => resources.endpoints.release(id)));
  console.error(
    `measured: 20 containers with a port ${started.toFixed(0)} ms, reserve on a new network ${reserved.toFixed(1)} ms, release of all 20 ${(performance.now() - closing).toFixed(1)} ms`,
  );
  expect(host.run('nft', 'list', 'map', 'inet', 'silo', 'any4')).not.toContain('tcp . 90');
});

/** All elements of the table, whatever the order of its hashes. */
const elementsIn = (table: string): string[] =>
  (host.run('nft', 'list', 'table', 'inet', table) ?? '')
    .split(/[\n,{}]/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .toSorted();

test('elements that are written by netlink are those that nft would write', async () => {
  const ports = (shift: number): PublishedPort[] =>
    ['0.0.0.0', '::', '127.0.0.1', '2001:db8::1'].flatMap((hostAddress, index) =>
      (['tcp', 'udp', 'sctp'] as const).flatMap((protocol) => {
        const address = hostAddress.includes(':') ? 'fd00::2' : '10.1.0.2';
        const row = Array.from({ length: 20 }, (_, at) => 1000 * (index + 1) + shift + at);
        return [
          { protocol, hostAddress, hostPort: 80 + shift, address, containerPort: 8080 },
          ...row.map((hostPort) => ({ protocol, hostAddress, hostPort, address, containerPort: hostPort })),
          ...row.map((hostPort) => ({
            protocol,
            hostAddress,
            hostPort: hostPort + 500,
            address,
            containerPort: hostPort,
          })),
        ];
      }),
    );
  const plan = (shift: number): FirewallPlan => ({
    table: 'direct',
    networks: [],
    ports: ports(shift),
    ipv6Loopback: true,
  });
  await runNft(renderTable(plan(0)));
  using socket = openNetfilterSocket();
  const change =
    toSetChanges(compareElements(elementsOf(plan(0)), elementsOf(plan(1)))) ?? expect.unreachable();
  await changeElements(socket, 'direct', change);
  const byNetlink = elementsIn('direct');
  await runNft(renderTable(plan(1)));
  expect(byNetlink).toEqual(elementsIn('direct'));
  // All or nothing: what is not there cannot go, and then nothing comes.
  expect(await changeElements(socket, 'direct', change).catch(String)).toContain('ENOENT');
  expect(elementsIn('direct')).toEqual(byNetlink);
});

test('500 ports of a range are one element for each family and start no process more', async () => {
  const resources = await openResources();
  await startContainer(resources);
  const ports = Array.from({ length: 500 }, (_, index) => port(8000 + index, { hostPort: 8000 + index }));
  const cpu = process.cpuUsage();
  const start = performance.now();
  const web = await startContainer(resources, { ports });
  const took = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  console.error(
    `measured: a container with 500 ports ${took.toFixed(0)} ms, of it ${((user + system) / 1000).toFixed(0)} ms of CPU time`,
  );
  await web.serve(8000, 8499);
  const outside = await startOutside(host);
  expect(await outside.ask('198.51.100.1', 8000)).toBe('tcp 198.51.100.2');
  expect(await outside.ask('2001:db8::1', 8499)).toBe('tcp 2001:db8::2');
  expect(await host.ask('127.0.0.1', 8499)).toStartWith('tcp ');
  expect(await outside.ask('198.51.100.1', 8250)).toBe('ECONNREFUSED');
  expect(host.run('nft', 'list', 'map', 'inet', 'silo', 'anyspan4')).toContain(
    `elements = { tcp . 8000-8499 : ${web.endpoint.ipv4.address} }`,
  );
  const stranger = createServer().listen(8321, '0.0.0.0');
  const [error] = (await once(stranger, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('EADDRINUSE');
  await resources.endpoints.release(web.id);
  expect(host.run('nft', 'list', 'map', 'inet', 'silo', 'anyspan4')).not.toContain('8000');
});

test('of a range of host ports the first one that is free in both families is taken', async () => {
  const resources = await openResources();
  const stranger = createServer().listen(8000, '::1');
  await once(stranger, 'listening');
  const range = port(80, { hostPort: 8000, lastHostPort: 8002 });
  const first = await startContainer(resources, { ports: [range] });
  const second = await startContainer(resources, { ports: [range] });
  expect([first, second].map(({ endpoint }) => endpoint.ports.map(({ hostPort }) => hostPort))).toEqual([
    [8001, 8001],
    [8002, 8002],
  ]);
  const third = await startContainer(resources, { ports: [range] }).then(
    () => expect.unreachable(),
    toSiloError,
  );
  expect(third.code).toBe('port-allocated');
  stranger.close();
  await once(stranger, 'close');
});

/** One socket that sends now and then, so that its flow lives on: once for `.`; for `?` again and again until it is answered, as datagrams may be lost. */
const sender = `
const { createSocket } = require('node:dgram');
const socket = createSocket('udp4');
const send = () => socket.send('?', 8053, '198.51.100.1');
let asking;
socket.on('message', (m) => {
  if (asking) console.log(String(m));
  clearInterval(asking);
  asking = undefined;
});
process.stdin.on('data', (words) => {
  send();
  if (String(words).includes('?')) asking = setInterval(send, 500);
});
socket.bind(40123, () => console.log('ready'));`;

test('a UDP flow that began before the port opened, or that outlives its container, is led to who has the port', async () => {
  const outside = await startOutside(host);
  const resources = await openResources();
  const child = spawn('nsenter', [`--net=/proc/${outside.pid}/ns/net`, process.execPath, '-e', sender], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // It would hold our output open behind a test that failed.
  using _ended = { [Symbol.dispose]: () => void child.kill('SIGKILL') };
  const hears = async (): Promise<string> =>
    String(((await once(child.stdout, 'data')) as [Buffer])[0]).trim();
  expect(await hears()).toBe('ready');
  const asks = (): Promise<string> => {
    child.stdin.write('?\n');
    return hears();
  };
  const ports = [port(7, { hostPort: 8053, protocol: 'udp' as const })];
  // Conntrack works only where rules need it: the table of another container.
  await startContainer(resources, { ports: [port(7, { hostPort: 8054 })] });
  child.stdin.write('.\n');
  for (let round = 0; round < 2; round++) {
    const web = await startContainer(resources, { ports });
    await web.serve(7);
    expect(await asks()).toBe('udp 198.51.100.2');
    await resources.endpoints.release(web.id);
    expect(host.run('grep', '-c', 'dport=8053', '/proc/net/nf_conntrack') ?? '0').toStartWith('0');
    await web.stop();
    child.stdin.write('.\n');
  }
});

/** Kernels without SCTP sockets translate it all the same: an INIT from a raw socket shows it. Waits for one, or sends one to each port. */
const sctp = `
import socket, struct, sys
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
if sys.argv[1] == 'wait':
    print('ready', flush=True)
    for _ in range(2):
        packet = raw.recv(2000)
        at = (packet[0] & 15) * 4
        print(socket.inet_ntoa(packet[12:16]), struct.unpack('>H', packet[at + 2:at + 4])[0], flush=True)
else:
    for port in map(int, sys.argv[2:]):
        head = struct.pack('>HHI', 5000, port, 0)
        chunk = struct.pack('>BBHIIHHI', 1, 0, 20, 7, 65535, 10, 10, 1)
        crc = 0xffffffff
        for byte in head + b'\\0\\0\\0\\0' + chunk:
            crc ^= byte
            for _ in range(8):
                crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
        raw.sendto(head + struct.pack('<I', crc ^ 0xffffffff) + chunk, ('198.51.100.1', 0))`;

test('SCTP is led to the container, its port translated and the source kept', async () => {
  const outside = await startOutside(host);
  if (outside.run('python3', '-c', '0') === undefined) return console.warn('skipped: python3 is not there');
  const resources = await openResources();
  const web = await startContainer(resources, {
    ports: [
      port(3868, { hostPort: 3868, protocol: 'sctp' }),
      port(3999, { hostPort: 4000, protocol: 'sctp' }),
    ],
  });
  const inside = ['python3', '-c', sctp, 'wait'];
  const child = spawn('nsenter', [`--net=/proc/${web.pid}/ns/net`, ...inside], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const heard: string[] = [];
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('ready');
  expect(outside.run('python3', '-c', sctp, 'send', '3868', '4000')).toBeDefined();
  for (let count = 0; count < 2; count++) heard.push(String((await lines.next()).value));
  expect(heard).toEqual(['198.51.100.2 3868', '198.51.100.2 3999']);
});
