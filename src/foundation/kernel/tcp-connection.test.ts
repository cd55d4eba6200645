import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
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
      for (const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } of accepted) {
        const ends = { remoteAddress, remotePort, localAddress, localPort };
        const found = duplicateConnection(ends);
        if (found === undefined) throw new Error('the connection was not found');
        const link = (fd: number): string => readlinkSync(`/proc/self/fd/${fd}`);
        expect(link(found.fd)).toBe(link(found.original));
        links.add(link(found.fd));
        const again = duplicateConnection(ends, found.original);
        expect(again?.original).toBe(found.original);
        // Which of two is the connection nobody can tell.
        expect(duplicateConnection(ends)).toBeUndefined();
        for (const fd of [found.fd, again?.fd ?? -1]) closeDescriptor(fd);
        // Our own other end has the same ports the other way round.
        for (const other of [
          { localAddress: '127.9.9.9' },
          { localPort: localPort + 1 },
          { remoteAddress: '127.9.9.9' },
          { remotePort: 1 },
        ])
          expect(duplicateConnection({ ...ends, ...other }, found.original)).toBeUndefined();
      }
      expect(links.size).toBe(clients.length);
    } finally {
      for (const socket of [...clients, ...accepted]) socket.destroy();
      server.close();
    }
  },
);

/** Finds its own connection, and tries again when it has no descriptor left. */
const exhausting = (module: string): string => `
const { openSync } = require('node:fs');
const { connect, createServer } = require('node:net');
const { duplicateConnection } = require(${JSON.stringify(module)});
const server = createServer((socket) => {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const ends = { localAddress, localPort, remoteAddress, remotePort };
  const { original, fd } = duplicateConnection(ends);
  require('node:fs').closeSync(fd);
  try {
    for (;;) openSync('/dev/null');
  } catch {}
  console.log(duplicateConnection(ends), duplicateConnection(ends, original));
  process.exit();
});
server.listen(0, '127.0.0.1', () => connect(server.address().port, '127.0.0.1'));
`;

test('a process without a free descriptor has no duplicate, and no error', () => {
  const program = exhausting(new URL('./tcp-connection.ts', import.meta.url).pathname);
  const { stdout, stderr } = spawnSync(
    '/bin/sh',
    ['-c', 'ulimit -n 96; exec "$0" -e "$1"', process.execPath, program],
    { encoding: 'utf8', timeout: 60_000 },
  );
  expect([stdout, stderr]).toEqual(['undefined undefined\n', '']);
}, 90_000);
