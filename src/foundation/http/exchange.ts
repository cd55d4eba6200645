import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { PassThrough } from 'node:stream';
import { internal, invalid } from '../base/errors.ts';
import type { AnswerBody, Connection, Exchange, FilePart, Outgoing } from './http.ts';
import { isAway, pourByKernel } from './kernel-pour.ts';
import { createOutgoing } from './outgoing.ts';
import { pourFile } from './pour-file.ts';

/** The parts in which an ordinary request and one that asks for an upgrade differ. */
interface Transport {
  send(status: number, headers: [string, string][], body: AnswerBody | undefined, lengthBytes?: number): void;
  stream(status: number, headers: [string, string][]): Outgoing;
  sendFile(status: number, headers: [string, string][], part: FilePart): Promise<number>;
  hijack(headers: [string, string][]): Connection;
  upgrade(headers: [string, string][]): Connection;
  /** Calls back once if the client leaves before the answer is complete. */
  onGone(callback: () => void): void;
  destroy(): void;
}

/** An exchange over `node:http`'s request and response; `plainTcp`: nothing stands between the response and a TCP socket. */
export function exchangeOfRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { plainTcp = false } = {},
): Exchange {
  return createExchange(request, {
    send(status, headers, body, lengthBytes) {
      response.writeHead(status, withLength(headers, status, body, lengthBytes));
      if (body === undefined || isBodiless(request.method, status)) response.end();
      else response.end(body.data);
    },
    stream(status, headers) {
      response.writeHead(status, headers.flat());
      response.flushHeaders();
      return createOutgoing(response);
    },
    async sendFile(status, headers, part) {
      response.writeHead(status, [...headers.flat(), 'Content-Length', String(part.end - part.start)]);
      const past = plainTcp && isAway(request.socket);
      const pour = (): Promise<number> =>
        past ? pourByKernel(request, response, part) : pourFile(response, part);
      const sent = isBodiless(request.method, status) ? 0 : await pour();
      if (!response.destroyed) response.end();
      return sent;
    },
    hijack(headers) {
      // Raw bytes until the connection closes: no chunks.
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, [...headers, ['Connection', 'close']].flat());
      response.flushHeaders();
      return { input: request, output: createOutgoing(response) };
    },
    upgrade() {
      throw invalid('the request did not ask for an upgrade');
    },
    onGone: (callback) =>
      void response.once('close', () => {
        if (!response.writableFinished) callback();
      }),
    destroy: () => void request.socket.destroy(),
  });
}

/** An exchange over a socket whose request asked for an upgrade; any other answer than the upgrade closes the connection. */
export function exchangeOfUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): Exchange {
  if (head.length > 0) socket.unshift(head);
  // Failures of the connection show as its close; without a listener they would end the process.
  socket.on('error', () => undefined);
  let isSwitched = false;
  const writeHead = (status: number, words: string, headers: [string, string][]): void => {
    const lines = headers.map(([name, value]) => `${name}: ${value.replace(/[\r\n]/g, ' ')}\r\n`);
    socket.write(`HTTP/1.1 ${status} ${words}\r\n${lines.join('')}\r\n`);
  };
  return createExchange(request, {
    send(status, headers, body, lengthBytes) {
      writeHead(status, STATUS_CODES[status] ?? 'Unknown', [
        ...pairs(withLength(headers, status, body, lengthBytes)),
        ['Connection', 'close'],
      ]);
      if (body === undefined || isBodiless(request.method, status)) socket.end();
      else socket.end(body.data);
    },
    stream(status, headers) {
      writeHead(status, STATUS_CODES[status] ?? 'Unknown', [...headers, ['Connection', 'close']]);
      return createOutgoing(socket);
    },
    async sendFile(status, headers, part) {
      writeHead(status, STATUS_CODES[status] ?? 'Unknown', [
        ...headers,
        ['Content-Length', String(part.end - part.start)],
        ['Connection', 'close'],
      ]);
      const sent = isBodiless(request.method, status) ? 0 : await pourFile(socket, part);
      if (!socket.destroyed) socket.end();
      return sent;
    },
    hijack(headers) {
      writeHead(101, 'UPGRADED', [...headers, ['Connection', 'Upgrade'], ['Upgrade', 'tcp']]);
      return { input: inputOf(socket), output: createOutgoing(socket) };
    },
    upgrade(headers) {
      isSwitched = true;
      writeHead(101, 'Switching Protocols', headers);
      return { input: inputOf(socket), output: createOutgoing(socket) };
    },
    onGone: (callback) =>
      void socket.once('close', () => {
        // The end of our direction is not the end of another protocol's conversation.
        if (isSwitched || !socket.writableFinished) callback();
      }),
    destroy: () => void socket.destroy(),
  });
}

/** What the client sends, as a stream of its own: iterating over the socket would destroy it, and with it the output, when the input ends. */
function inputOf(socket: Duplex): PassThrough {
  const input = new PassThrough();
  socket.once('close', () => {
    if (!socket.readableEnded) input.destroy();
  });
  // Nobody wants the rest: read on, or the end of the connection would go unseen.
  input.once('close', () => void socket.resume());
  return socket.pipe(input);
}

function createExchange(request: IncomingMessage, transport: Transport): Exchange {
  const target = splitTarget(request.url ?? '/');
  const headers: [string, string][] = [];
  const gone = new AbortController();
  let answered = false;
  let query: URLSearchParams | undefined;
  transport.onGone(() => gone.abort(new DOMException('the client left', 'AbortError')));
  let tell = (_status: number): void => undefined;
  const answer = (status: number, contentType?: string): [string, string][] => {
    if (answered) throw internal('the request was answered twice');
    answered = true;
    tell(status);
    return contentType === undefined ? headers : [...headers, ['Content-Type', contentType]];
  };
  return {
    method: request.method ?? 'GET',
    path: target.path,
    get query() {
      query ??= new URLSearchParams(target.query);
      return query;
    },
    headers: request.headers,
    remoteAddress: request.socket.remoteAddress,
    body: request,
    signal: gone.signal,
    get answered() {
      return answered;
    },
    onAnswer: (listener) => void (tell = listener),
    setHeader: (name, value) => void headers.push([name, value]),
    send: (status, body) => transport.send(status, answer(status, body?.type), body),
    stream: (status, contentType) => transport.stream(status, answer(status, contentType)),
    sendHead: (status, contentType, lengthBytes) =>
      transport.send(status, answer(status, contentType), undefined, lengthBytes),
    sendFile: (status, contentType, part) => transport.sendFile(status, answer(status, contentType), part),
    hijack: (contentType) => transport.hijack(answer(101, contentType)),
    upgrade: (protocol) =>
      transport.upgrade([...answer(101), ['Connection', 'Upgrade'], ['Upgrade', protocol]]),
    destroy: () => transport.destroy(),
  };
}

function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?');
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  return { path: decodePath(rawPath), query: mark < 0 ? '' : target.slice(mark + 1) };
}

function decodePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch (error) {
    throw invalid('the path of the request is not valid percent-encoded UTF-8', { cause: error });
  }
}

function withLength(
  headers: [string, string][],
  status: number,
  body: AnswerBody | undefined,
  lengthBytes?: number,
): string[] {
  const flat = headers.flat();
  if (status === 204 || status === 304) return flat;
  flat.push('Content-Length', String(lengthBytes ?? (body === undefined ? 0 : Buffer.byteLength(body.data))));
  return flat;
}

function pairs(flat: string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) result.push([flat[i] ?? '', flat[i + 1] ?? '']);
  return result;
}

function isBodiless(method: string | undefined, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}
