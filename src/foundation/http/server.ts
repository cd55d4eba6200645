import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from '../base/log.ts';
import { toSiloError } from '../base/errors.ts';
import { isForeignPage } from './browser.ts';
import { exchangeOfRequest, exchangeOfUpgrade } from './exchange.ts';
import type { Exchange, HttpHandler, HttpServer, HttpServerOptions } from './http.ts';
import { cutIdle } from './idle.ts';
import { listenOn } from './listen.ts';
import { type TlsDoor, createTlsDoor } from './tls-door.ts';

/** Time for a client to send a request's head; bodies and answers may take as long as they need (uploads, `logs -f`, `wait`). */
const headTimeoutMs = 60_000;

const upgrades = new Set(['tcp', 'websocket']);

/** An HTTP/1.1 server for one handler, on any number of addresses. */
export function createHttpServer(
  handler: HttpHandler,
  log: Log,
  { audience = 'engine', tls, idleMs }: HttpServerOptions = {},
): HttpServer {
  const servers = new Set<Server>();
  const doors = new Set<TlsDoor>();
  let identity = tls;
  const upgraded = new Set<Socket>();
  const unanswered = createCount();
  return {
    async listen(address) {
      const anyHost = identity?.clientCa !== undefined;
      const guarded =
        address.kind === 'tcp' && audience === 'engine' ? refusingBrowsers(handler, { anyHost }) : handler;
      const plainTcp = address.kind === 'tcp' && identity === undefined;
      const server = createOne(guarded, { log, upgraded, plainTcp });
      server.on('request', (_, response) => unanswered.add(response));
      if (identity !== undefined && address.kind === 'tcp') {
        const door = createTlsDoor(server, identity, { idleMs, log, headMs: headTimeoutMs });
        const mayBeAnywhere = audience === 'anybody' || identity.clientCa !== undefined;
        const bound = await listenOn(door.server, address, mayBeAnywhere ? 'anybody' : 'engine');
        doors.add(door);
        return bound;
      }
      if (idleMs !== undefined) cutIdle(server, idleMs);
      const bound = await listenOn(server, address, audience);
      servers.add(server);
      return bound;
    },
    renew(next) {
      for (const door of doors) door.renew(next);
      identity = next;
    },
    async close({ graceMs = 0 } = {}) {
      const refused = Promise.all(
        [...servers, ...Array.from(doors, (door) => door.server)].map(
          (server) => new Promise<void>((resolve) => server.close(() => resolve())),
        ),
      );
      if (graceMs > 0) await unanswered.none(graceMs);
      const closed = refused;
      for (const server of servers) server.closeAllConnections();
      for (const door of doors) door.cut();
      // Upgraded connections are no longer the servers', which yet wait for them.
      for (const socket of upgraded) socket.destroy();
      await closed;
      servers.clear();
      doors.clear();
    },
  };
}

function createOne(
  handler: HttpHandler,
  { log, upgraded, plainTcp }: { log: Log; upgraded: Set<Socket>; plainTcp: boolean },
): Server {
  // Only what `hijack` and `upgrade` can answer becomes an upgrade: a client that merely offers HTTP/2 gets an ordinary answer.
  const server = createServer({
    shouldUpgradeCallback: ({ headers }) => upgrades.has(headers.upgrade?.toLowerCase() ?? ''),
  });
  server.headersTimeout = headTimeoutMs;
  server.requestTimeout = 0;
  server.keepAliveTimeout = 0;
  server.timeout = 0;
  server.on('request', (request, response) => {
    let exchange: Exchange;
    try {
      exchange = exchangeOfRequest(request, response, { plainTcp });
    } catch (error) {
      response.writeHead(400, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ message: toSiloError(error).message }));
      return;
    }
    serve(handler, exchange, log);
  });
  server.on('upgrade', (request, socket: Socket, head) => {
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    try {
      serve(handler, exchangeOfUpgrade(request, socket, head), log);
    } catch {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    }
  });
  server.on('clientError', (_, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  return server;
}

/** A web page in a browser on this machine reaches loopback ports too; it must not reach the engine. */
function refusingBrowsers(handler: HttpHandler, options: { anyHost: boolean }): HttpHandler {
  return async (exchange) => {
    if (!isForeignPage(exchange.headers, options)) return handler(exchange);
    const message = 'requests from web pages are refused on this address';
    exchange.send(403, { type: 'application/json', data: `${JSON.stringify({ message })}\n` });
  };
}

function serve(handler: HttpHandler, exchange: Exchange, log: Log): void {
  handler(exchange).then(
    () => {
      // A handler must answer; an unread body must not keep the connection busy.
      if (!exchange.answered) exchange.destroy();
      else exchange.body.resume();
    },
    (error: unknown) => {
      log.error('a request ended without an answer', {
        path: exchange.path,
        reason: toSiloError(error).message,
      });
      exchange.destroy();
    },
  );
}

/** Answers that are under way. */
function createCount(): { add(response: ServerResponse): void; none(timeoutMs: number): Promise<void> } {
  const open = new Set<ServerResponse>();
  let tell = (): void => undefined;
  return {
    add(response) {
      open.add(response);
      response.once('close', () => {
        open.delete(response);
        if (open.size === 0) tell();
      });
    },
    none: (timeoutMs) =>
      new Promise((resolve) => {
        if (open.size === 0) return resolve();
        const timer = setTimeout(resolve, timeoutMs);
        tell = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
  };
}
