import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseContainerId, randomHexId, type ContainerId } from '../../foundation/base/ids.ts';
import { createLog, type LogLevel } from '../../foundation/base/log.ts';
import { watchNftables } from '../../foundation/kernel/netlink/nftables-events.ts';
import { createReactor, type Reactor } from '../../foundation/kernel/reactor.ts';
import { openDatabase } from '../../foundation/db/database.ts';
import {
  createNetworkResources,
  type NetworkOptions,
  type NetworkResources,
} from './create-network-resources.ts';
import type { Located, Endpoint, PortRequest } from './network.ts';

/*
 * For tests only, run inside a network namespace of their own (see `network.root.test.ts`): processes in further namespaces that play the
 * containers and the world outside.
 */

/** A process with a network namespace of its own, and nothing in it. */
export interface Machine {
  pid: number;
  /** Runs a program inside; standard output, or undefined when it failed. */
  run(...command: string[]): string | undefined;
  /** Answers on TCP and UDP ports with the address of who asks. */
  serve(...ports: number[]): Promise<void>;
  /** What the answering server says, or the reason why nobody answered. */
  ask(address: string, port: number, protocol?: 'tcp' | 'udp'): Promise<string>;
  stop(): Promise<void>;
}

const children = new Set<ChildProcess>();
const directories: string[] = [];
const opened = new Set<NetworkResources>();
/** One for all: each occupies a thread of the pool, and small machines have few. */
let reactor: Reactor | undefined;

const server = `
const { createServer } = await import('node:net');
const { createSocket } = await import('node:dgram');
for (const port of process.argv.slice(1).map(Number)) {
  await new Promise((done) => createServer((s) => { s.on('error', () => {}); s.end('tcp ' + s.remoteAddress.replace('::ffff:', '')); }).listen(port, '::', done));
  const udp = createSocket('udp6');
  udp.on('message', (_, from) => udp.send('udp ' + from.address.replace('::ffff:', ''), from.port, from.address));
  await new Promise((done) => udp.bind(port, '::', done));
}
console.log('ready');`;

const client = `
const [host, port, protocol] = process.argv.slice(1);
const end = (text) => { require('node:fs').writeSync(1, text); process.kill(process.pid, 'SIGKILL'); };
setTimeout(() => end('timeout'), 1500);
if (protocol === 'udp') {
  const socket = (await import('node:dgram')).createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (m) => end(String(m))); socket.on('error', (e) => end(e.code));
  socket.send('?', Number(port), host);
} else {
  const socket = (await import('node:net')).connect(Number(port), host);
  socket.on('data', (d) => end(String(d))); socket.on('error', (e) => end(e.code));
}`;

/** `null` is the sandbox's own namespace, the host of the test. */
export function machineAt(pid: number | null, holder?: ChildProcess): Machine {
  const enter = pid === null ? [] : ['nsenter', `--net=/proc/${pid}/ns/net`];
  const start = (script: string, ...args: string[]): ChildProcess => {
    const [program = '', ...rest] = [...enter, process.execPath, '-e', script, ...args];
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    return child;
  };
  return {
    pid: pid ?? process.pid,
    run(...command) {
      const [program = '', ...rest] = [...enter, ...command];
      const result = spawnSync(program, rest, { encoding: 'utf8' });
      return result.status === 0 ? result.stdout : undefined;
    },
    async serve(...ports) {
      await once(start(server, ...ports.map(String)).stdout ?? never(), 'data');
    },
    async ask(address, port, protocol = 'tcp') {
      const [answer] = (await once(
        start(client, address, String(port), protocol).stdout ?? never(),
        'data',
      )) as [Buffer];
      return String(answer).trim();
    },
    async stop() {
      if (!holder) return;
      holder.kill('SIGKILL');
      if (holder.exitCode === null && holder.signalCode === null) await once(holder, 'exit');
    },
  };
}

export async function startMachine(options: { userNamespace?: boolean } = {}): Promise<Machine> {
  const user = options.userNamespace ? ['--user', '--map-root-user'] : [];
  const child = spawn('unshare', [...user, '--net', 'sh', '-c', 'echo ready; exec sleep 120'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  await once(child.stdout, 'data');
  return machineAt(child.pid ?? 0, child);
}

/** A machine behind the host's `out0`, 198.51.100.2 and 2001:db8::2, with the host as .1 and its route to everything. */
export async function startOutside(host: Machine): Promise<Machine> {
  const outside = await startMachine();
  const commands: [Machine, string][] = [
    [host, `ip link add out0 type veth peer name eth0 netns ${outside.pid}`],
    [host, 'ip addr add 198.51.100.1/24 dev out0'],
    [host, 'ip addr add 2001:db8::1/64 dev out0 nodad'],
    [host, 'ip link set out0 up'],
    [outside, 'ip link set lo up'],
    [outside, 'ip link set eth0 up'],
    [outside, 'ip addr add 198.51.100.2/24 dev eth0'],
    [outside, 'ip addr add 2001:db8::2/64 dev eth0 nodad'],
    [outside, 'ip route add default via 198.51.100.1'],
    [outside, 'ip route add default via 2001:db8::1'],
  ];
  for (const [machine, command] of commands)
    if (machine.run(...command.split(' ')) === undefined) throw new Error(`failed: ${command}`);
  return outside;
}

/** The resources with databases of their own; `directory` again means after a restart. */
export async function openResources(
  options: NetworkOptions & { directory?: string; logLevel?: LogLevel } = {},
): Promise<NetworkResources & { directory: string }> {
  const { directory = makeDirectory(), logLevel = 'error', ...rest } = options;
  const log = createLog((line) => process.stderr.write(line), logLevel);
  const database = openDatabase(join(directory, 'networks.db'));
  reactor ??= createReactor();
  const volatileDatabase = openDatabase(join(directory, 'endpoints.db'), { relaxed: true });
  const resources = await createNetworkResources({ database, volatileDatabase, log, reactor }, rest);
  opened.add(resources);
  return { ...resources, directory };
}

/** Every change of the rules of this namespace, whoever makes it. */
export function watchRules(onChange: () => void): Disposable {
  reactor ??= createReactor();
  return watchNftables(reactor, onChange);
}

export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'silo-network-'));
  directories.push(directory);
  return directory;
}

export function containerId(): ContainerId {
  return parseContainerId(randomHexId());
}

export interface TestContainer extends Machine {
  id: ContainerId;
  endpoint: Endpoint & { ipv4: Located };
}

/** A machine with an endpoint on the network, as the engine makes it: reserve, then attach. */
export async function startContainer(
  resources: NetworkResources,
  options: {
    ports?: PortRequest[];
    network?: string;
    name?: string;
    userNamespace?: boolean;
    ipv4Address?: string;
  } = {},
): Promise<TestContainer> {
  const { ports = [], network = 'bridge', name = 'web', ipv4Address } = options;
  const machine = await startMachine(options);
  const id = containerId();
  const endpoint = await resources.endpoints.reserve({
    containerId: id,
    networkId: resources.networks.get(network).id,
    containerName: name,
    ports,
    ...(ipv4Address ? { ipv4Address } : {}),
  });
  await resources.endpoints.attach(endpoint, machine.pid);
  const { ipv4 } = endpoint;
  if (!ipv4) throw new Error('the network has no IPv4');
  return { ...machine, id, endpoint: { ...endpoint, ipv4 } };
}

export function port(containerPort: number, options: Partial<PortRequest> = {}): PortRequest {
  return { containerPort, protocol: 'tcp', hostAddress: '', hostPort: 0, ...options };
}

/** To be called after each test. */
export async function stopEverything(): Promise<void> {
  const running = [...children].filter((child) => child.exitCode === null && child.signalCode === null);
  children.clear();
  await Promise.all(running.map((child) => (child.kill('SIGKILL'), once(child, 'exit'))));
  for (const resources of opened) await resources[Symbol.asyncDispose]();
  opened.clear();
  reactor?.[Symbol.dispose]();
  reactor = undefined;
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

function never(): never {
  throw new Error('the child has no standard output');
}
