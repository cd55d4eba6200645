import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { closeDescriptor } from '../at.ts';
import { inNetworkNamespace, openNamespace } from '../namespace.ts';
import { addAddress, listAddresses, removeAddress } from './addresses.ts';
import {
  changeLink,
  createBridge,
  createVeth,
  deleteLink,
  deleteLinks,
  findLink,
  listLinks,
} from './links.ts';
import { addDefaultRoute, addRoute, listRoutes, removeRoute } from './routes.ts';
import { openRouteSocket, type RouteSocket } from './socket.ts';

const root = process.getuid?.() === 0;
if (!root) console.log('skipped: network namespaces need root');

/** A process in a network namespace of its own. */
interface Sandbox {
  process: ChildProcess;
  pid: number;
  fd: number;
  socket: RouteSocket;
}

describe.skipIf(!root)('rtnetlink', () => {
  let host: Sandbox;
  let container: Sandbox;
  beforeAll(async () => {
    [host, container] = await Promise.all([createSandbox(), createSandbox()]);
  });
  afterAll(() => {
    for (const { process, fd, socket } of [host, container]) {
      socket[Symbol.dispose]();
      closeDescriptor(fd);
      process.kill('SIGKILL');
    }
  });

  test('a bridge is made with all of its settings in one request', () => {
    host.socket.execute([
      createBridge({
        name: 'br0',
        up: true,
        mtu: 1400,
        address: '02:42:00:00:00:01',
        multicastSnooping: false,
      }),
      changeLink('br0', { alias: 'silo é' }),
    ]);
    expect(findLink(host.socket, 'br0')).toMatchObject({
      name: 'br0',
      kind: 'bridge',
      up: true,
      mtu: 1400,
      address: '02:42:00:00:00:01',
      alias: 'silo é',
      master: undefined,
    });
    expect(findLink(host.socket, 'absent')).toBeUndefined();
  });

  test('a failure carries the errno, the object and the words of the kernel', () => {
    expect(() => host.socket.execute([createBridge({ name: 'br0' })])).toThrow(
      'RTM_NEWLINK bridge "br0": file exists (EEXIST)',
    );
    expect(() =>
      host.socket.execute([addAddress({ link: 1, address: '10.0.0.1', prefixLength: 33 })]),
    ).toThrow(/RTM_NEWADDR "10.0.0.1\/33": invalid argument \(EINVAL\): .*[Pp]refix/);
    expect(() => host.socket.execute([deleteLink('absent')])).toThrow('ENODEV');
  });

  test('a failed request in the middle does not stop the others', () => {
    const mixed = (): void =>
      host.socket.execute([
        createBridge({ name: 'br1' }),
        createBridge({ name: 'br0' }),
        createBridge({ name: 'br2' }),
      ]);
    expect(mixed).toThrow('"br0"');
    const names = listLinks(host.socket).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['lo', 'br0', 'br1', 'br2']));
    host.socket.execute([deleteLink('br1'), deleteLink('br2')]);
  });

  test('an endpoint is made in three packets: pair, index, addresses with routes', () => {
    const bridge = findLink(host.socket, 'br0')?.index ?? 0;
    host.socket.execute([
      addAddress({ link: bridge, address: '10.9.0.1', prefixLength: 24 }),
      addAddress({ link: bridge, address: 'fd00:9::1', prefixLength: 64 }),
      createVeth({
        host: { name: 'veth-host', master: bridge, up: true, mtu: 1400 },
        peer: { name: 'eth0', address: '02:42:0a:09:00:02', mtu: 1400 },
        namespace: { pid: container.pid },
      }),
    ]);
    const eth0 = findLink(container.socket, 'eth0');
    expect(eth0).toMatchObject({ up: false, mtu: 1400, address: '02:42:0a:09:00:02', kind: 'veth' });
    expect(findLink(host.socket, 'veth-host')).toMatchObject({ master: bridge, up: true });
    const link = eth0?.index ?? 0;
    container.socket.execute([
      changeLink('lo', { up: true }),
      changeLink(link, { up: true }),
      addAddress({ link, address: '10.9.0.2', prefixLength: 24 }),
      addAddress({ link, address: 'fd00:9::2', prefixLength: 64 }),
      addDefaultRoute('10.9.0.1', link),
      addDefaultRoute('fd00:9::1', link),
    ]);
    expect(listAddresses(container.socket, link)).toEqual(
      expect.arrayContaining([
        { link, address: '10.9.0.2', prefixLength: 24 },
        { link, address: 'fd00:9::2', prefixLength: 64 },
      ]),
    );
    expect(listRoutes(container.socket)).toEqual(
      expect.arrayContaining([
        { destination: '0.0.0.0/0', gateway: '10.9.0.1', link },
        { destination: '10.9.0.0/24', link },
        expect.objectContaining({ destination: '::/0', gateway: 'fd00:9::1', link }),
      ]),
    );
    const ping = (address: string): number | null =>
      spawnSync('nsenter', [
        `--net=/proc/${container.pid}/ns/net`,
        'busybox',
        'ping',
        '-c',
        '1',
        '-W',
        '2',
        address,
      ]).status;
    expect(ping('10.9.0.1')).toBe(0);
    expect(ping('fd00:9::1')).toBe(0);
  });

  test('prefix routes are added, replaced and removed', () => {
    const link = findLink(container.socket, 'eth0')?.index ?? 0;
    const route = { destination: '192.0.2.0/24', gateway: '10.9.0.1', link };
    container.socket.execute([addRoute(route)]);
    expect(() => container.socket.execute([addRoute(route)])).toThrow('EEXIST');
    container.socket.execute([addRoute({ ...route, gateway: '10.9.0.7' }, { replace: true })]);
    expect(listRoutes(container.socket)).toContainEqual({ ...route, gateway: '10.9.0.7' });
    container.socket.execute([removeRoute({ destination: route.destination })]);
    expect(listRoutes(container.socket).map(({ destination }) => destination)).not.toContain('192.0.2.0/24');
    expect(() => addRoute({ destination: '::/0', gateway: '10.9.0.1' })).toThrow('family');
  });

  test('an interface is renamed, changed and its address taken away', () => {
    const link = findLink(container.socket, 'eth0')?.index ?? 0;
    container.socket.execute([changeLink(link, { up: false })]);
    container.socket.execute([changeLink(link, { name: 'wan', mtu: 1300, alias: 'renamed' })]);
    expect(findLink(container.socket, 'wan')).toMatchObject({
      index: link,
      mtu: 1300,
      alias: 'renamed',
      up: false,
    });
    const address = { link, address: '10.9.0.2', prefixLength: 24 };
    container.socket.execute([removeAddress(address)]);
    expect(() => container.socket.execute([removeAddress(address)])).toThrow('EADDRNOTAVAIL');
  });

  test('links are deleted in the background while the socket serves others; absent ones are fine', async () => {
    const deleting = deleteLinks(host.socket, ['veth-host', 'never-there']);
    expect(findLink(host.socket, 'br0')?.name).toBe('br0');
    await deleting;
    expect(findLink(host.socket, 'veth-host')).toBeUndefined();
    expect(findLink(container.socket, 'wan')).toBeUndefined();
  });

  test('a long list comes whole', () => {
    const names = Array.from({ length: 150 }, (_, index) => `dummy-br-${index}`);
    host.socket.execute(names.map((name) => createBridge({ name })));
    expect(listLinks(host.socket).map(({ name }) => name)).toEqual(expect.arrayContaining(names));
  });

  test('the thread comes back from another namespace, also after an error', () => {
    const own = readlinkSync('/proc/thread-self/ns/net');
    const there = inNetworkNamespace(container.fd, () => readlinkSync('/proc/thread-self/ns/net'));
    expect(there).not.toBe(own);
    const failing = (): void =>
      inNetworkNamespace(container.fd, () => {
        throw new Error('inside');
      });
    expect(failing).toThrow('inside');
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(own);
  });
});

async function createSandbox(): Promise<Sandbox> {
  const child = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  const fd = openNamespace(pid, 'net');
  return { process: child, pid, fd, socket: openRouteSocket({ namespaceFd: fd }) };
}
