import { SiloError } from '../../foundation/base/errors.ts';
import type { Connection, ConnectionPool } from './connection.ts';
import { errorOfAbort, errorOfBreak, errorOfResponse, unreachableCode } from './errors.ts';
import type { Host } from './host.ts';
import { formatRequestHead, isReusable, readBody, readResponseHead } from './http.ts';
import type { ResponseHead } from './http.ts';
import { createStreamConnection } from './stream-connection.ts';
import type { StreamConnection } from './stream-connection.ts';

/** One request. `path` starts with `/`; it gets the negotiated version in front unless `unversioned`. */
export interface Call {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  /** Entries that are undefined are left out. */
  query?: Record<string, string | number | boolean | undefined>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it comes, chunked, instead of `body`. */
  upload?: { type: string; data: AsyncIterable<Uint8Array> };
  headers?: Record<string, string>;
  unversioned?: boolean;
  /** False: a daemon that does not listen is not started for it. */
  startDaemon?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  head: ResponseHead;
  /** To be read once; leaving early closes the connection. */
  body: AsyncIterable<Buffer>;
}

export interface Transport {
  /** The answer's head; a status outside 200-299 is thrown with the server's message. */
  send(call: Call): Promise<Answer>;
  /** The answer as JSON. */
  json<T>(call: Call): Promise<T>;
  /** Reads the answer to its end and drops it. */
  done(call: Call): Promise<void>;
  /** The connection itself after the answer's head, for streams both ways. */
  hijack(call: Call): Promise<StreamConnection>;
  close(): void;
}

export interface TransportOptions {
  host: Host;
  pool: ConnectionPool;
  headers: Record<string, string>;
  /** The version to put in front of paths. */
  version: () => Promise<string>;
  /** Called once when nobody listens; the request is tried again when it resolves to true. */
  onUnreachable?: () => Promise<boolean>;
}

export function createTransport(options: TransportOptions): Transport {
  const { host, pool } = options;
  let revival: Promise<boolean> | undefined;

  async function open({ signal, startDaemon }: Call): Promise<Connection> {
    try {
      return await pool.open(signal);
    } catch (error) {
      if (
        !(error instanceof SiloError) ||
        error.code !== unreachableCode ||
        !options.onUnreachable ||
        startDaemon === false
      )
        throw error;
      revival ??= options.onUnreachable();
      if (!(await revival)) throw error;
      return await pool.open(signal);
    }
  }

  async function headerFields(call: Call, body: Buffer | undefined): Promise<[string, string][]> {
    const fields: [string, string][] = [['Host', host.kind === 'tcp' ? host.hostname : 'silo']];
    fields.push(...Object.entries(options.headers), ...Object.entries(call.headers ?? {}));
    if (call.upload) fields.push(['Content-Type', call.upload.type], ['Transfer-Encoding', 'chunked']);
    else if (body) fields.push(['Content-Type', 'application/json'], ['Content-Length', String(body.length)]);
    else if (call.method === 'POST' || call.method === 'PUT') fields.push(['Content-Length', '0']);
    return fields;
  }

  /** Sends the request and reads the answer's head, on an idle connection if there is one. */
  async function exchange(call: Call): Promise<{ connection: Connection; head: ResponseHead }> {
    const prefix = call.unversioned === true ? '' : `/v${await options.version()}`;
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const path = withQuery(prefix + call.path, formatQuery(call.query));
    const head = Buffer.from(formatRequestHead(call.method, path, await headerFields(call, body)));
    const reused = pool.take();
    const connection = reused ?? (await open(call));
    try {
      return { connection, head: await talk(connection, call, body ? Buffer.concat([head, body]) : head) };
    } catch (error) {
      connection.socket.destroy();
      if (call.signal?.aborted === true) throw errorOfAbort(call.signal);
      // The daemon may close an idle connection just when it is taken; a read may safely be sent again.
      if (reused !== undefined && call.method === 'GET') return await exchange(call);
      throw errorOfBreak(host.text, error);
    }
  }

  async function talk(connection: Connection, call: Call, first: Buffer): Promise<ResponseHead> {
    using _abort = abortWith(connection, call.signal);
    connection.socket.write(first);
    if (call.upload) void upload(connection, call.upload.data);
    return await readResponseHead(connection.reader);
  }

  async function* bodyOf(connection: Connection, head: ResponseHead, call: Call): AsyncGenerator<Buffer> {
    let whole = false;
    using _abort = abortWith(connection, call.signal);
    try {
      yield* readBody(connection.reader, head, call.method);
      whole = true;
    } catch (error) {
      if (call.signal?.aborted === true) throw errorOfAbort(call.signal);
      throw errorOfBreak(host.text, error);
    } finally {
      if (whole && isReusable(head) && !call.upload) pool.give(connection);
      else connection.socket.destroy();
    }
  }

  async function throwAnswer(connection: Connection, head: ResponseHead, call: Call): Promise<never> {
    throw errorOfResponse(head.status, head.reason, await readText(bodyOf(connection, head, call), 1 << 20));
  }

  const transport: Transport = {
    async send(call) {
      const { connection, head } = await exchange(call);
      if (head.status < 200 || head.status > 299) await throwAnswer(connection, head, call);
      return { head, body: bodyOf(connection, head, call) };
    },
    async json<T>(call: Call) {
      const { body } = await transport.send(call);
      const text = await readText(body, Number.POSITIVE_INFINITY);
      try {
        return JSON.parse(text) as T;
      } catch (cause) {
        throw errorOfBreak(host.text, new Error('the answer is not JSON', { cause }));
      }
    },
    async done(call) {
      const { body } = await transport.send(call);
      for await (const _ of body);
    },
    async hijack(call) {
      const headers = { ...call.headers, Connection: 'Upgrade', Upgrade: 'tcp' };
      const { connection, head } = await exchange({ ...call, headers });
      if (head.status !== 101 && head.status !== 200) await throwAnswer(connection, head, call);
      return createStreamConnection(connection, head, call.signal);
    },
    close: () => pool.close(),
  };
  return transport;
}

/** Destroys the connection when the signal fires, until disposed. */
function abortWith(connection: Connection, signal: AbortSignal | undefined): Disposable {
  const onAbort = (): void => {
    connection.socket.destroy(new Error('aborted'));
  };
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', onAbort) };
}

/** Writes the chunks with back-pressure. A broken connection shows on the reading side, which knows the server's reason. */
async function upload(connection: Connection, data: AsyncIterable<Uint8Array>): Promise<void> {
  const { socket } = connection;
  try {
    for await (const chunk of data) {
      if (chunk.length === 0) continue;
      if (socket.destroyed || socket.writableEnded) return;
      socket.write(`${chunk.length.toString(16)}\r\n`);
      socket.write(chunk);
      if (!socket.write('\r\n')) await drained(socket);
    }
    socket.write('0\r\n\r\n');
  } catch (error) {
    socket.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

function drained(socket: Connection['socket']): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      socket.off('error', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
    socket.on('error', done);
  });
}

async function readText(body: AsyncIterable<Buffer>, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limit) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function withQuery(path: string, query: string): string {
  return query === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${query}`;
}

function formatQuery(query: Call['query']): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined)
      parts.push(`${name}=${encodeURIComponent(typeof value === 'boolean' ? Number(value) : value)}`);
  return parts.join('&');
}
