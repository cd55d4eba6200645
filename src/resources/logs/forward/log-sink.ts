import { createSocket } from 'node:dgram';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as rest } from 'node:timers/promises';
import { unavailable } from '../../../foundation/base/errors.ts';
import { isErrno } from '../../../foundation/kernel/syscall-error.ts';
import { connectDatagrams, type UnixDatagrams } from '../../../foundation/kernel/unix-datagram.ts';
import type { SyslogAddress } from '../syslog-options.ts';
import { readTlsFiles } from './tls-files.ts';

/** Takes messages of a remote driver. */
export interface LogSink extends Disposable {
  /** Resolves when all were handed over; rejects when the receiver is gone. */
  send(messages: readonly Buffer[]): Promise<void>;
}

const connectMs = 5_000;
const fullQueueMs = 10;
const longestDatagramBytes = 60_000;
const newline = Buffer.from('\n');

export function openSink(address: SyslogAddress): Promise<LogSink> {
  switch (address.protocol) {
    case 'unix':
    case 'unixgram':
      return openUnix(address.path, address.protocol);
    case 'tcp':
      return openStream(
        connect({ host: address.host, port: address.port }),
        `${address.host}:${address.port}`,
      );
    case 'tls':
      return openTls(address);
    case 'udp':
      return openUdp(address.host, address.port);
  }
}

/** The files are read at each connection: a certificate that was renewed is used from the next one. */
async function openTls({
  host,
  port,
  files,
  isCounted,
}: Extract<SyslogAddress, { protocol: 'tls' }>): Promise<LogSink> {
  const socket = connectTls({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(await readTlsFiles(files)),
    rejectUnauthorized: !files.skipVerify,
    minVersion: 'TLSv1.2',
  });
  return openStream(socket, `${host}:${port}`, { readiness: 'secureConnect', isCounted });
}

/** The machine's own log listens for datagrams; a `unix` address may also be a stream. */
async function openUnix(path: string, protocol: 'unix' | 'unixgram'): Promise<LogSink> {
  try {
    return openDatagrams(path);
  } catch (error) {
    if (protocol === 'unixgram') throw error;
    return openStream(connect({ path }), path);
  }
}

function openDatagrams(path: string): LogSink {
  const socket = connectDatagrams(path);
  return {
    async send(messages) {
      for (const message of messages)
        while (!trySend(socket, message)) await rest(fullQueueMs, undefined, { ref: false });
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

/** What no datagram can hold is left out: trying again would hold back all that follows. */
function trySend(socket: UnixDatagrams, message: Buffer): boolean {
  try {
    return socket.trySend(message);
  } catch (error) {
    if (isErrno(error, 'EMSGSIZE')) return true;
    throw error;
  }
}

function openUdp(host: string, port: number): Promise<LogSink> {
  const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4');
  socket.unref();
  // Nobody listening is told by the next send, if at all; UDP promises nothing.
  socket.on('error', () => undefined);
  const sendOne = (message: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.send(message.subarray(0, longestDatagramBytes), port, host, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  return Promise.resolve({
    async send(messages) {
      for (const message of messages) await sendOne(message);
    },
    [Symbol.dispose]: () => void socket.close(),
  });
}

async function openStream(
  socket: Socket,
  name: string,
  {
    readiness = 'connect',
    isCounted = false,
  }: { readiness?: 'connect' | 'secureConnect'; isCounted?: boolean } = {},
): Promise<LogSink> {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const lose = (cause?: unknown): void => {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    failed.reject(unavailable(`the log receiver ${name} is gone${why}`, { cause }));
  };
  socket.unref();
  socket.on('error', lose);
  socket.on('close', () => lose());
  // What a receiver says is not wanted, but its end is.
  socket.resume();
  socket.on('end', () => void socket.destroy());
  const timer = setTimeout(() => socket.destroy(), connectMs);
  try {
    const connected = new Promise<void>((resolve) => void socket.once(readiness, () => resolve()));
    await Promise.race([connected, failed.promise]);
  } finally {
    clearTimeout(timer);
  }
  return {
    async send(messages) {
      const bytes = Buffer.concat(
        messages.flatMap((message) => [
          ...(isCounted ? [Buffer.from(`${message.length + newline.length} `)] : []),
          message,
          newline,
        ]),
      );
      const written = new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
      await Promise.race([written, failed.promise]);
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
