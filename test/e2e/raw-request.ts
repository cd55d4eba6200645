import { connect, type Socket } from 'node:net';

/** A request whose connection stays in the test's hands: for streams, hijacking and clients that leave in the middle. */
export interface RawConversation extends Disposable {
  readonly socket: Socket;
  /** Everything the server sent so far. */
  text(): string;
  /** Resolves when the server's output holds the words; rejects when it ends before. */
  until(words: string): Promise<string>;
  /** Resolves to all output when the server ended the connection, or it broke. */
  closed: Promise<string>;
}

export function rawRequest(
  socketPath: string,
  request: { method: string; path: string; headers?: Record<string, string>; body?: string | Uint8Array },
): RawConversation {
  const socket = connect(socketPath);
  const { body = '' } = request;
  const headers = {
    Host: 'localhost',
    ...(body.length > 0 ? { 'Content-Length': String(Buffer.byteLength(body)) } : {}),
    ...request.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${request.method} ${request.path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  if (body.length > 0) socket.write(body);
  let received = '';
  const listeners = new Set<() => void>();
  const wake = (): void => {
    for (const listener of listeners) listener();
  };
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
    wake();
  });
  let isClosed = false;
  const closed = new Promise<string>((resolve) => {
    socket.once('error', () => resolve(received));
    socket.once('close', () => resolve(received));
    socket.once('end', () => resolve(received));
  });
  void closed.then(() => {
    isClosed = true;
    wake();
  });
  return {
    socket,
    text: () => received,
    closed,
    until: (words) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!received.includes(words) && !isClosed) return;
          listeners.delete(look);
          if (received.includes(words)) resolve(received);
          else reject(new Error(`the connection ended without ${JSON.stringify(words)}: ${received}`));
        };
        listeners.add(look);
        look();
      }),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** Headers with which Docker's clients take over a connection. */
export const upgrade = { Connection: 'Upgrade', Upgrade: 'tcp' };
