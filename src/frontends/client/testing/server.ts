import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { encodeFrame } from '../../../foundation/wire/raw-stream.ts';

/** A small daemon for tests: answers like the real one in the ways that a client can get wrong. */
export interface TestServer extends AsyncDisposable {
  host: string;
  /** `METHOD path` of every request so far. */
  requests: string[];
  /** Connections accepted so far. */
  connections: () => number;
  /** Lets a parked `wait` answer. */
  finish(): void;
  /** Resolves when a connection that was streaming was closed by the client. */
  hungUp: Promise<void>;
}

export async function startTestServer(): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'silo-client-'));
  const path = join(folder, 'test.sock');
  const requests: string[] = [];
  let connections = 0;
  const waiting = signal();
  const hangUp = signal();
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    void answer(request, response, waiting.promise, hangUp.resolve);
  });
  server.on('connection', () => connections++);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    requests.push(`${request.method} ${request.url}`);
    stream(request.url ?? '', socket, head);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    host: `unix://${path}`,
    requests,
    connections: () => connections,
    finish: waiting.resolve,
    hungUp: hangUp.promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A promise to resolve from outside; Node 20 has no `Promise.withResolvers`. */
function signal(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  finished: Promise<void>,
  hungUp: () => void,
): Promise<void> {
  const route = (request.url ?? '').replace(/^\/v1\.\d+/, '').replace(/\?.*$/, '');
  switch (route) {
    case '/_ping':
      response.setHeader('Api-Version', '1.47').setHeader('OSType', 'linux').end('OK');
      return;
    case '/version':
      response.end(JSON.stringify({ Version: '1', ApiVersion: '1.47' }));
      return;
    case '/containers/gone/json':
      response.writeHead(404).end(JSON.stringify({ message: 'No such container: gone' }));
      return;
    case '/containers/hint/start':
      response.writeHead(409).end(JSON.stringify({ message: 'taken', hint: 'choose another' }));
      return;
    case '/containers/done/start':
      response.writeHead(304).end();
      return;
    case '/containers/html/json':
      response.writeHead(502).end('<html>bad gateway</html>');
      return;
    case '/containers/broken/json':
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('{"Id":', () => response.destroy());
      return;
    case '/containers/slow/wait':
      response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
      await finished;
      response.end(JSON.stringify({ StatusCode: 3 }));
      return;
    case '/containers/talk/logs':
      response.setHeader('Content-Type', 'application/vnd.docker.multiplexed-stream');
      response.write(encodeFrame('stdout', Buffer.from('out')));
      response.end(encodeFrame('stderr', Buffer.from('err')));
      return;
    case '/images/create':
      // One message is cut in two, one ends in CRLF, the last has no line end.
      response.write('{"status":"Pulling","id":"a"}\r\n{"sta');
      setImmediate(() =>
        response.end('tus":"Done"}\n{"error":"no space","errorDetail":{"message":"no space"}}'),
      );
      return;
    case '/images/load':
      response.end(JSON.stringify({ stream: `${await count(request)} bytes` }));
      return;
    case '/events':
      response.write(
        `${JSON.stringify({ Type: 'container', Action: 'die', Actor: { ID: 'x', Attributes: { trap: '"timeNano":1' } }, time: 1 }).slice(0, -1)},"timeNano":1758888888123456789}\n`,
      );
      response.on('close', hungUp);
      return;
    default:
      response.writeHead(404).end(JSON.stringify({ message: `page not found: ${route}` }));
  }
}

async function count(request: IncomingMessage): Promise<number> {
  let size = 0;
  for await (const chunk of request) size += (chunk as Buffer).length;
  return size;
}

/** Echoes input until its end, then says so: proves that the client's half-close arrives and that output still flows after it. */
function stream(url: string, socket: Duplex, head: Buffer): void {
  const framed = !url.includes('/raw/');
  if (url.includes('/refused/')) {
    socket.end('HTTP/1.1 409 Conflict\r\nContent-Length: 23\r\n\r\n{"message":"is paused"}');
    return;
  }
  const type = framed ? 'application/vnd.docker.multiplexed-stream' : 'application/vnd.docker.raw-stream';
  const send = (name: 'stdout' | 'stderr', text: Uint8Array): void => {
    socket.write(framed ? encodeFrame(name, text) : text);
  };
  // The first output is in the same packet as the headers.
  socket.write(
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${type}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
      ),
      framed ? encodeFrame('stdout', Buffer.from('hello ')) : Buffer.from('hello '),
    ]),
  );
  if (head.length > 0) send('stdout', head);
  socket.on('data', (chunk: Buffer) => send('stdout', chunk));
  socket.on('end', () => {
    send('stderr', Buffer.from('bye'));
    (socket as Socket).end();
  });
  socket.on('error', () => undefined);
}
