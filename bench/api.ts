import { createReadStream, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createResponseReader, type ResponseReader } from './http-response.ts';

export interface Reply {
  status: number;
  text: string;
  json(): unknown;
}

export interface CallOptions {
  body?: object;
  /** A file that becomes the body. */
  file?: string;
  headers?: Record<string, string>;
  /** Receives the body piece by piece, as it comes; the reply's text is then empty. */
  onData?: (chunk: Buffer) => void;
  /** Answers that are not errors besides 2xx and 101. */
  accept?: number[];
}

/** Docker's API of one engine over its unix socket: the same few lines for every engine, so that only the engines differ. */
export interface Api {
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** Opens an endless answer (events); the promise resolves when the headers are there. */
  follow(path: string, onData: (chunk: Buffer) => void): Promise<Disposable>;
  /** Forgets kept connections, as after a restart of the engine. */
  reset(): void;
}

const version = '/v1.41';

export function createApi(socketPath: string): Api {
  const idle = new Set<Socket>();

  const take = async (): Promise<Socket> => {
    for (const socket of idle) {
      idle.delete(socket);
      if (!socket.destroyed && socket.writable) return socket;
    }
    return await open(socketPath);
  };

  const exchange = async (
    method: string,
    path: string,
    options: CallOptions,
  ): Promise<{ status: number; body: Buffer[] }> => {
    const socket = await take();
    const body: Buffer[] = [];
    try {
      const answered = readAnswer(socket, options.onData ?? ((chunk) => void body.push(chunk)));
      send(socket, method, path, options);
      const reader = await answered.end;
      if (reader.reusable) idle.add(socket);
      else socket.destroy();
      return { status: reader.status, body };
    } catch (error) {
      socket.destroy();
      throw error;
    }
  };

  return {
    async call(method, path, options = {}) {
      const { status, body } = await exchange(method, path, options);
      const text = Buffer.concat(body).toString('utf8');
      const fine = status < 300 || options.accept?.includes(status);
      if (!fine) throw new Error(`${method} ${path}: ${status} ${text.trim().slice(0, 500)}`);
      return { status, text, json: () => JSON.parse(text) as unknown };
    },
    async follow(path, onData) {
      const socket = await open(socketPath);
      const answered = readAnswer(socket, onData);
      answered.end.catch(() => undefined);
      send(socket, 'GET', path, {});
      await answered.head;
      return { [Symbol.dispose]: () => void socket.destroy() };
    },
    reset() {
      for (const socket of idle) socket.destroy();
      idle.clear();
    },
  };
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

function send(socket: Socket, method: string, path: string, options: CallOptions): void {
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const length = options.file === undefined ? Buffer.byteLength(body ?? '') : statSync(options.file).size;
  const headers = {
    Host: 'bench',
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(options.file === undefined ? {} : { 'Content-Type': 'application/x-tar' }),
    ...(method === 'GET' ? {} : { 'Content-Length': String(length) }),
    ...options.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${version}${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`);
  if (options.file !== undefined) createReadStream(options.file).pipe(socket, { end: false });
}

/** Reads one answer from the socket; both promises reject when the connection ends inside it. */
function readAnswer(
  socket: Socket,
  onData: (chunk: Buffer) => void,
): { head: Promise<void>; end: Promise<ResponseReader> } {
  const head = Promise.withResolvers<void>();
  const end = Promise.withResolvers<ResponseReader>();
  head.promise.catch(() => undefined);
  const reader = createResponseReader(onData);
  const finish = (error?: Error): void => {
    socket.off('data', onChunk).off('end', onEnd).off('close', onEnd).off('error', finish);
    if (error === undefined) end.resolve(reader);
    else {
      head.reject(error);
      end.reject(error);
    }
  };
  const onChunk = (chunk: Buffer): void => {
    reader.feed(chunk);
    if (reader.status > 0) head.resolve();
    if (reader.done) finish();
  };
  const onEnd = (): void =>
    finish(reader.endsWithConnection ? undefined : new Error('the engine closed the connection'));
  socket.on('data', onChunk).on('end', onEnd).on('close', onEnd).on('error', finish);
  return { head: head.promise, end: end.promise };
}
