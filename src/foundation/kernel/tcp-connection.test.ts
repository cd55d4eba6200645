import { expect, test } from 'bun:test';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { closeDescriptor } from './at.ts';
import { duplicateConnection } from './tcp-connection.ts';

test.each(['127.0.0.1', '::1'])(
  'a connection by way of %s is found by its ends, and no other one',
  async (host) => {
    const server = createServer();
    await once(server.listen(0, host), 'listening');
    const { port } = server.address() as AddressInfo;
    const clients = Array.from({ length: 3 }, () => connect(port, host));
    const accepted: Socket[] = [];
    server.on('connection', (socket) => accepted.push(socket));
    await Promise.all(clients.map((client) => once(client, 'connect')));
    while (accepted.length < clients.length) await new Promise((resolve) => setImmediate(resolve));
    try {
      const links = new Set<string>();
      for (const { remoteAddress = '', remotePort = 0, localPort = 0 } of accepted) {
        const ends = { remoteAddress, remotePort, localPort };
        const found = duplicateConnection(ends);
        if (found === undefined) throw new Error('the connection was not found');
        const link = (fd: number): string => readlinkSync(`/proc/self/fd/${fd}`);
        expect(link(found.fd)).toBe(link(found.original));
        links.add(link(found.fd));
        const again = duplicateConnection(ends, found.original);
        expect(again?.original).toBe(found.original);
        for (const fd of [found.fd, again?.fd ?? -1]) closeDescriptor(fd);
        // Our own other end has the same ports the other way round.
        for (const other of [{ localPort: localPort + 1 }, { remoteAddress: '127.9.9.9' }, { remotePort: 1 }])
          expect(duplicateConnection({ ...ends, ...other }, found.original)).toBeUndefined();
      }
      expect(links.size).toBe(clients.length);
    } finally {
      for (const socket of [...clients, ...accepted]) socket.destroy();
      server.close();
    }
  },
);
