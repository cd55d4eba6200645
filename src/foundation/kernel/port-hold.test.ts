import { expect, test } from 'bun:test';
import { connect, createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { holdPort } from './port-hold.ts';
import { isErrno } from './syscall-error.ts';

async function listen(port: number, host: string): Promise<Server> {
  const server = createServer((socket) => socket.end('x'));
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

const listenError = (port: number): Promise<unknown> =>
  listen(port, '127.0.0.1').then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );

const failure = (work: () => unknown): unknown => {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
};

test('a held port is refused to others and is free again afterwards', async () => {
  const held = holdPort({ protocol: 'tcp', address: '0.0.0.0', port: 0 });
  expect(await listenError(held.port)).toBe('EADDRINUSE');
  const again = failure(() => holdPort({ protocol: 'tcp', address: '127.0.0.1', port: held.port }));
  expect(isErrno(again, 'EADDRINUSE')).toBe(true);
  held[Symbol.dispose]();
  const server = await listen(held.port, '127.0.0.1');
  server.close();
});

test('a port on which another process listens cannot be held', async () => {
  const server = await listen(0, '127.0.0.1');
  const { port } = server.address() as { port: number };
  expect(
    isErrno(
      failure(() => holdPort({ protocol: 'tcp', address: '0.0.0.0', port })),
      'EADDRINUSE',
    ),
  ).toBe(true);
  server.close();
});

test('connections of a stopped server that linger do not keep a port from being held, and it is exclusive', async () => {
  const server = await listen(0, '127.0.0.1');
  const { port } = server.address() as { port: number };
  const client = connect(port, '127.0.0.1');
  client.resume();
  await once(client, 'close');
  server.close();
  await once(server, 'close');
  using held = holdPort({ protocol: 'tcp', address: '0.0.0.0', port });
  expect(held.port).toBe(port);
  expect(await listenError(port)).toBe('EADDRINUSE');
  const refused = connect(port, '127.0.0.1');
  const [error] = (await once(refused, 'error').catch((thrown: unknown) => [thrown])) as [{ code: string }];
  expect(error.code).toBe('ECONNREFUSED');
});

test('IPv6 and UDP ports are held by family', () => {
  using four = holdPort({ protocol: 'udp', address: '0.0.0.0', port: 0 });
  using six = holdPort({ protocol: 'udp', address: '::', port: four.port });
  expect(six.port).toBe(four.port);
  const taken = failure(() => holdPort({ protocol: 'udp', address: '::1', port: four.port }));
  expect(isErrno(taken, 'EADDRINUSE')).toBe(true);
});

test('an address that the host does not have is said to be so', () => {
  const error = failure(() => holdPort({ protocol: 'tcp', address: '203.0.113.9', port: 0 }));
  expect(isErrno(error, 'EADDRNOTAVAIL')).toBe(true);
});
