import { connect, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { createByteReader } from './byte-reader.ts';
import type { ByteReader } from './byte-reader.ts';
import { errorOfAbort, errorOfConnection } from './errors.ts';
import type { Host } from './host.ts';

/** Certificates for `tcp://` hosts, PEM. Empty: the server's certificate is checked against the system's authorities. */
export interface TlsOptions {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  /** Default true. */
  verify?: boolean;
}

export interface Connection {
  socket: Duplex & { ref?(): unknown; unref?(): unknown };
  reader: ByteReader;
}

export interface ConnectionPool {
  /** An idle connection, or undefined. */
  take(): Connection | undefined;
  open(signal: AbortSignal | undefined): Promise<Connection>;
  /** Keeps it for the next request. The process may end while it idles. */
  give(connection: Connection): void;
  close(): void;
}

const maximumIdle = 4;

export function createConnectionPool(host: Host, tls: TlsOptions | undefined): ConnectionPool {
  const idle = new Set<Connection>();
  let closed = false;

  return {
    take() {
      for (const connection of idle) {
        idle.delete(connection);
        if (connection.reader.isQuiet()) {
          connection.socket.ref?.();
          return connection;
        }
        connection.socket.destroy();
      }
      return undefined;
    },
    async open(signal) {
      const socket = await openSocket(host, tls, signal);
      return { socket, reader: createByteReader(socket) };
    },
    give(connection) {
      if (closed || idle.size >= maximumIdle || !connection.reader.isQuiet()) {
        connection.socket.destroy();
        return;
      }
      connection.socket.unref?.();
      idle.add(connection);
      connection.socket.once('close', () => idle.delete(connection));
    },
    close() {
      closed = true;
      for (const connection of idle) connection.socket.destroy();
      idle.clear();
    },
  };
}

/** A connection that nobody speaks on yet. */
export async function openSocket(
  host: Host,
  tls: TlsOptions | undefined,
  signal: AbortSignal | undefined,
): Promise<Connection['socket']> {
  if (signal?.aborted === true) throw errorOfAbort(signal);
  const [socket, readyEvent] = await startConnecting(host, tls);
  return await new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off('error', onError);
      signal?.removeEventListener('abort', onAbort);
    };
    const onError = (error: Error): void => {
      settle();
      socket.destroy();
      reject(errorOfConnection(host, error));
    };
    const onAbort = (): void => {
      settle();
      socket.on('error', () => undefined);
      socket.destroy();
      if (signal) reject(errorOfAbort(signal));
    };
    socket.once('error', onError);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once(readyEvent, () => {
      settle();
      resolve(socket);
    });
  });
}

async function startConnecting(
  host: Host,
  tls: TlsOptions | undefined,
): Promise<[Connection['socket'], 'connect' | 'secureConnect']> {
  if (host.kind === 'ssh') return [(await import('./ssh.ts')).dialOverSsh(host), 'connect'];
  if (host.kind === 'unix') return [connect({ path: host.path, allowHalfOpen: true }), 'connect'];
  if (tls === undefined) {
    const socket = connect({ host: host.hostname, port: host.port, allowHalfOpen: true });
    socket.setNoDelay(true);
    return [socket, 'connect'];
  }
  const { connect: connectTls } = await import('node:tls');
  const options = {
    host: host.hostname,
    port: host.port,
    allowHalfOpen: true,
    rejectUnauthorized: tls.verify ?? true,
    // A server name is a name (RFC 6066 section 3).
    ...(isIP(host.hostname) === 0 ? { servername: host.hostname } : {}),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
  const socket = connectTls(options);
  return [socket, 'secureConnect'];
}
