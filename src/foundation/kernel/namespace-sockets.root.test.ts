import { afterEach, test } from 'bun:test';
import { connect, createServer, type Socket } from 'node:net';
import { closeDescriptor } from './at.ts';
import { openNamespace } from './namespace.ts';
import { listenStreams, type StreamHandlers, type StreamLimits } from './namespace-sockets.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0).toReversed()) close();
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listen(limits: Partial<StreamLimits>, handlers: StreamHandlers<unknown>): Promise<number> {
  const namespaceFd = openNamespace('self', 'net');
  const port = await freePort();
  const listener = listenStreams(
    { namespaceFd, address: '127.0.0.1', port },
    { idleSeconds: 30, mostConnections: 10, mostUnsentBytes: 1_000, ...limits },
    handlers,
  );
  open.push(
    () => closeDescriptor(namespaceFd),
    () => listener[Symbol.dispose](),
  );
  return port;
}

function client(port: number): { socket: Socket; closed: Promise<unknown>; received: () => number } {
  const socket = connect(port, '127.0.0.1');
  open.push(() => socket.destroy());
  let received = 0;
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => (received += bytes.length));
  return {
    socket,
    closed: new Promise((resolve) => socket.once('close', resolve)),
    received: () => received,
  };
}

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: sockets in namespaces: needs root');

test.skipIf(!isRoot)('a connection beyond the bound ends the one that was silent for longest', async () => {
  let opened = Promise.withResolvers<void>();
  const port = await listen(
    { mostConnections: 2 },
    {
      open: (write) => {
        opened.resolve();
        return write;
      },
      data: (write, bytes) => (write as (bytes: Uint8Array) => void)(bytes),
      close: () => undefined,
    },
  );
  const first = client(port);
  await opened.promise;
  opened = Promise.withResolvers();
  const silent = client(port);
  await opened.promise;
  const answer = new Promise((resolve) => first.socket.once('data', resolve));
  first.socket.write('?');
  await answer;
  opened = Promise.withResolvers();
  const third = client(port);
  await opened.promise;
  await silent.closed;
  opened = Promise.withResolvers();
  first.socket.end();
  await first.closed;
  client(port);
  await opened.promise;
  const echo = new Promise((resolve) => third.socket.once('data', resolve));
  third.socket.write('?');
  await echo;
});

test.skipIf(!isRoot)(
  'what a slow reader does not take at once comes later',
  async () => {
    const whole = 40 * 1024 * 1024;
    const port = await listen(
      { mostUnsentBytes: whole },
      {
        open(write, end) {
          write(Buffer.alloc(whole));
          return end;
        },
        data: () => undefined,
        close: () => undefined,
      },
    );
    const { socket, received } = client(port);
    socket.pause();
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.resume();
    await new Promise<void>((resolve) => {
      socket.on('data', () => {
        if (received() === whole) resolve();
      });
    });
  },
  30_000,
);

test.skipIf(!isRoot)(
  'who does not read is given up',
  async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const port = await listen(
      {},
      {
        open: (write) => write,
        data(write) {
          for (let i = 0; i < 40; i++) (write as (bytes: Uint8Array) => void)(Buffer.alloc(1024 * 1024));
        },
        close: () => resolve(),
      },
    );
    const { socket } = client(port);
    socket.pause();
    socket.write('?');
    await promise;
  },
  30_000,
);
