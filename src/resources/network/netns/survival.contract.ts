import { afterEach, expect, test } from 'bun:test';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { toSiloError } from '../../../foundation/base/errors.ts';
import type { ContainerId } from '../../../foundation/base/ids.ts';
import { openDatabase } from '../../../foundation/db/database.ts';
import { kernelNames } from '../names.ts';
import {
  containerId,
  machineAt,
  makeDirectory,
  openResources,
  port,
  startContainer,
  startMachine,
  stopEverything,
} from '../test-sandbox.ts';

const host = machineAt(null);
const { vethPrefix } = kernelNames('silo');
afterEach(async () => {
  await stopEverything();
  host.run('nft', 'flush', 'ruleset');
  for (const link of links(/^(?:silo|br-|mine|sv)/)) host.run('ip', 'link', 'del', link);
});

function links(pattern: RegExp): string[] {
  return (host.run('ip', '-br', 'link') ?? '')
    .split('\n')
    .map((line) => line.split(/[@ ]/)[0] ?? '')
    .filter((name) => pattern.test(name));
}
const ourVeths = (): string[] => links(new RegExp(`^${vethPrefix}`));
const openPorts = (): string => host.run('nft', 'list', 'map', 'inet', 'silo', 'any4') ?? '';

/** An engine in a process of its own that starts a container with port 8080 and then releases it or dies with it running. */
const engine = `
const { openResources, port } = await import('${join(import.meta.dir, '../test-sandbox.ts')}');
const [directory, containerId, pid, end] = process.argv.slice(1);
const resources = await openResources({ directory });
await resources.endpoints.recover(new Map());
const networkId = resources.networks.get('bridge').id;
const endpoint = await resources.endpoints.reserve({ containerId, networkId, containerName: 'web', ports: [port(7, { hostPort: 8080 })] });
await resources.endpoints.attach(endpoint, Number(pid));
if (end === 'release') await resources.endpoints.release(containerId);
process.kill(process.pid, 'SIGKILL');`;

function runEngine(
  directory: string,
  id: ContainerId,
  pid: number,
  end: 'die' | 'release',
  fault = '',
): void {
  const args = ['-e', engine, directory, id, String(pid), end];
  const result = spawnSync(process.execPath, args, {
    env: { ...process.env, SILO_FAULT: fault },
    encoding: 'utf8',
  });
  if (result.signal !== 'SIGKILL') throw new Error(`engine ended with ${result.status}: ${result.stderr}`);
}

const steps = [
  'network.reserve.held',
  'network.reserve.recorded',
  'network.attach.begin',
  'network.attach.paired',
  'network.attach.connected',
  'network.firewall.commit',
  'network.firewall.commit:2',
  'network.attach.opened',
  'network.release.closed',
  'network.release.forgotten',
  'none',
];
for (const fault of steps)
  test(`kill -9 at ${fault} leaks nothing, even while the namespace lives on`, async () => {
    const directory = makeDirectory();
    const machine = await startMachine();
    const id = containerId();
    runEngine(directory, id, machine.pid, 'release', fault);
    const resources = await openResources({ directory });
    await resources.endpoints.recover(new Map());
    expect(resources.endpoints.find(id)).toEqual([]);
    expect(ourVeths()).toEqual([]);
    expect(openPorts()).not.toContain('8080');
    const web = await startContainer(resources, { ports: [port(7, { hostPort: 8080 })] });
    await web.serve(7);
    expect(await host.ask('127.0.0.1', 8080)).toStartWith('tcp ');
    expect(ourVeths()).toHaveLength(1);
  });

test('kill -9 while networks are made and removed leaves whole ones or none', async () => {
  for (const [fault, expected] of [
    ['network.create.recorded', ['extra']],
    ['network.remove.down', ['extra']],
    ['none', []],
  ] as const) {
    const directory = makeDirectory();
    const script = `
      const { openResources } = await import('${join(import.meta.dir, '../test-sandbox.ts')}');
      const resources = await openResources({ directory: '${directory}' });
      const { id } = await resources.networks.create({ name: 'extra', driver: 'bridge' });
      await resources.networks.remove(id);
      process.kill(process.pid, 'SIGKILL');`;
    spawnSync(process.execPath, ['-e', script], { env: { ...process.env, SILO_FAULT: fault } });
    const { networks, endpoints } = await openResources({ directory });
    await endpoints.recover(new Map());
    const names = networks.list().map(({ name }) => name);
    expect(names.filter((name) => !['bridge', 'host', 'none'].includes(name))).toEqual([...expected]);
    for (const name of expected) await networks.remove(networks.get(name).id);
  }
});

/** Says back what it hears, so that one connection can be watched for long. */
const echo = `(await import('node:net')).createServer((s) => s.pipe(s)).listen(7, '::', () => console.log('ready'))`;

async function says(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [heard] = (await once(socket, 'data')) as [Buffer];
  return String(heard);
}

test('the death and the next start of the engine cut no connection, and hold the port again', async () => {
  const directory = makeDirectory();
  const machine = await startMachine();
  const id = containerId();
  runEngine(directory, id, machine.pid, 'die');
  const server = spawn('nsenter', [`--net=/proc/${machine.pid}/ns/net`, process.execPath, '-e', echo], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(server.stdout, 'data');
  const connection = connect(8080, '127.0.0.1');
  expect(await says(connection, 'while the engine is dead')).toBe('while the engine is dead');
  const resources = await openResources({ directory });
  await resources.endpoints.recover(new Map([[id, 0]]));
  expect(await says(connection, 'after its start')).toBe('after its start');
  expect(resources.endpoints.find(id)[0]?.ports[0]?.hostPort).toBe(8080);
  const stranger = createServer().listen(8080, '0.0.0.0');
  const [error] = (await once(stranger, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('EADDRINUSE');
  const other = await startContainer(resources);
  expect(other.endpoint.ipv4.address).not.toBe(resources.endpoints.find(id)[0]?.ipv4?.address ?? '');
  connection.destroy();
  server.kill('SIGKILL');
  await once(server, 'exit');
});

for (const fault of ['network.firewall.commit', 'network.firewall.commit:2', 'network.recover.cleaned'])
  test(`a start of the engine that dies at ${fault} closes no published port`, async () => {
    const directory = makeDirectory();
    const machine = await startMachine();
    const id = containerId();
    runEngine(directory, id, machine.pid, 'die');
    await machine.serve(7);
    const script = `
      const { openResources } = await import('${join(import.meta.dir, '../test-sandbox.ts')}');
      const { networks, endpoints } = await openResources({ directory: '${directory}' });
      await endpoints.recover(new Map([['${id}', 0]]));
      process.kill(process.pid, 'SIGKILL');`;
    const env = { ...process.env, SILO_FAULT: fault };
    expect(spawnSync(process.execPath, ['-e', script], { env }).signal).toBe('SIGKILL');
    expect(await host.ask('127.0.0.1', 8080)).toStartWith('tcp ');
  });

test('a bridge and rules that vanished while the engine was away come back with their members', async () => {
  const directory = makeDirectory();
  const machine = await startMachine();
  const id = containerId();
  runEngine(directory, id, machine.pid, 'die');
  await machine.serve(7);
  host.run('nft', 'flush', 'ruleset');
  host.run('ip', 'link', 'del', 'silo0');
  expect(await host.ask('127.0.0.1', 8080)).toBe('ECONNREFUSED');
  const resources = await openResources({ directory });
  await resources.endpoints.recover(new Map([[id, 0]]));
  expect(await host.ask('127.0.0.1', 8080)).toStartWith('tcp ');
  expect(await host.ask(resources.endpoints.find(id)[0]?.ipv6?.address ?? '', 7)).toStartWith('tcp ');
});

test('rules that somebody flushed come back whole with the next change', async () => {
  const resources = await openResources();
  const web = await startContainer(resources, { ports: [port(7, { hostPort: 8080 })] });
  await web.serve(7);
  host.run('nft', 'flush', 'ruleset');
  await startContainer(resources, { ports: [port(7, { hostPort: 8081 })] });
  expect(await host.ask('127.0.0.1', 8080)).toStartWith('tcp ');
});

test('an address rests until its interface is gone, and a full network says so', async () => {
  const resources = await openResources();
  await resources.networks.create({ name: 'small', driver: 'bridge', ipam: [{ subnet: '10.9.0.0/29' }] });
  const all = [];
  for (let count = 0; count < 5; count++) all.push(await startContainer(resources, { network: 'small' }));
  const full = await startContainer(resources, { network: 'small' }).then(
    () => expect.unreachable(),
    toSiloError,
  );
  expect(full.kind).toBe('exhausted');
  const [first] = all;
  if (!first) return expect.unreachable();
  await resources.endpoints.release(first.id);
  expect(ourVeths()).toHaveLength(5);
  const next = await startContainer(resources, { network: 'small' });
  expect(next.endpoint.ipv4.address).toBe(first.endpoint.ipv4.address);
  expect(ourVeths()).toHaveLength(5);
  expect(first.run('ip', 'link', 'show', 'eth0')).toBeUndefined();
  const taken = await startContainer(resources, {
    network: 'small',
    ipv4Address: next.endpoint.ipv4.address,
  }).then(() => expect.unreachable(), toSiloError);
  expect(taken.code).toBe('address-in-use');
});

test('an address of its own is there at once for the next run, though its interface lives on', async () => {
  const resources = await openResources();
  await resources.networks.create({ name: 'own', driver: 'bridge', ipam: [{ subnet: '10.9.1.0/24' }] });
  const place = { network: 'own', ipv4Address: '10.9.1.77' };
  const first = await startContainer(resources, place);
  await startContainer(resources, { network: 'own' });
  await resources.endpoints.release(first.id);
  const second = await startContainer(resources, place);
  expect(second.endpoint.ipv4.address).toBe('10.9.1.77');
  expect(ourVeths()).toHaveLength(2);
});

test('a container whose network is no longer on record keeps the engine from nothing', async () => {
  const directory = makeDirectory();
  const before = await openResources({ directory });
  await before.networks.create({ name: 'lost', driver: 'bridge' });
  const one = await startContainer(before, { network: 'lost' });
  const two = await startContainer(before);
  await before[Symbol.asyncDispose]();
  using database = openDatabase(join(directory, 'networks.db'));
  database.run(`DELETE FROM network WHERE name = 'lost'`);
  const after = await openResources({ directory, logLevel: 'error' });
  await after.endpoints.recover(
    new Map([
      [one.id, one.pid],
      [two.id, two.pid],
    ]),
  );
  expect(after.endpoints.find(one.id)).toEqual([]);
  expect(after.endpoints.find(two.id)).toHaveLength(1);
  expect(ourVeths()).toHaveLength(1);
});

test('a container that changes the names of its interfaces loses the one of the network that it leaves', async () => {
  const resources = await openResources();
  const second = await resources.networks.create({ name: 'second', driver: 'bridge' });
  const machine = await startContainer(resources);
  await resources.endpoints.attach(
    await resources.endpoints.reserve({
      containerId: machine.id,
      networkId: second.id,
      containerName: 'web',
      ports: [],
    }),
    machine.pid,
  );
  for (const [from, to] of [
    ['eth0', 'other'],
    ['eth1', 'eth0'],
    ['other', 'eth1'],
  ] as const) {
    machine.run('ip', 'link', 'set', from, 'down');
    machine.run('ip', 'link', 'set', from, 'name', to);
  }
  await resources.endpoints.detach({ containerId: machine.id, networkId: second.id, pid: machine.pid });
  expect(machine.run('ip', '-br', 'addr')).toContain(`eth1`);
  expect(machine.run('ip', 'link', 'show', 'eth0')).toBeUndefined();
  expect(ourVeths()).toHaveLength(1);
});

test('leftover interfaces of ours are removed at start, those of others stay', async () => {
  const resources = await openResources();
  await startContainer(resources);
  for (const name of [`${vethPrefix}deadbeef`, 'svother1'])
    host.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `mine${name.length}`);
  await resources.endpoints.recover(new Map());
  expect(links(/^sv/)).toEqual(['svother1']);
});

test('a network with members is not removed; without them its bridge goes', async () => {
  const resources = await openResources();
  const { id, bridge = '' } = await resources.networks.create({ name: 'extra', driver: 'bridge' });
  const web = await startContainer(resources, { network: 'extra', name: 'web' });
  expect(await resources.networks.remove(id).catch(String)).toContain('has active endpoints (name:"web")');
  await web.stop();
  await resources.endpoints.release(web.id);
  await resources.networks.remove(id);
  expect(links(/^br-/)).not.toContain(bridge);
  expect(host.run('nft', 'list', 'table', 'inet', 'silo')).not.toContain(bridge);
});

test('uninstall leaves nothing of ours in the kernel, and what is of others alone', async () => {
  host.run('ip', 'link', 'add', 'mine0', 'type', 'bridge');
  const resources = await openResources();
  await resources.networks.create({ name: 'extra', driver: 'bridge' });
  await startContainer(resources, { network: 'extra' });
  await startContainer(resources);
  await resources.uninstall();
  expect(links(/^(?:sv|silo|br-|mine)/)).toEqual(['mine0']);
  expect(host.run('nft', 'list', 'ruleset')).toBe('');
});
