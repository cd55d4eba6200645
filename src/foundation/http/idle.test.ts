import { afterEach, expect, test } from 'bun:test';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { cutIdle } from './idle.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server whose timer fires when the test says so, and one request to it. */
async function serve(sent: string, handle: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const made = (server = createServer());
  cutIdle(made, 3_600_000);
  const handled = Promise.withResolvers<void>();
  made.on(
    'request',
    (request: IncomingMessage, response: ServerResponse) =>
      void Promise.resolve(handle(request, response)).then(() => handled.resolve(), handled.reject),
  );
  await once(made.listen(0, '127.0.0.1'), 'listening');
  const client = createConnection((made.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined).resume();
  client.write(sent);
  await handled.promise;
  client.destroy();
}

const fire = ({ socket }: IncomingMessage): boolean => {
  server?.emit('timeout', socket);
  return socket.destroyed;
};

test('a connection is cut when its answer stands still, not when it takes long', async () => {
  await serve('GET / HTTP/1.1\r\nHost: d\r\n\r\n', async (request, response) => {
    for (let part = 0; part < 3; part++) {
      await new Promise<void>((resolve) => void response.write('x'.repeat(1000), () => resolve()));
      expect(fire(request)).toBe(false);
    }
    expect(fire(request)).toBe(true);
  });
});

test('a connection is cut when its body stands still, not when it takes long', async () => {
  const head = 'POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 10\r\n\r\n';
  await serve(`${head}first`, async (request) => {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      expect(chunk.toString()).toBe('first');
      expect(fire(request)).toBe(false);
      expect(fire(request)).toBe(true);
      break;
    }
  });
});
