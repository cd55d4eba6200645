import type { Server as HttpServer } from 'node:http';
import { type Server, type TLSSocket, createServer } from 'node:tls';
import { invalid, toSiloError } from '../base/errors.ts';
import type { TlsIdentity } from './http.ts';

/** Listens for TLS and hands the decrypted connections to a server that does not listen itself: so the identity can change while it listens. */
export interface TlsDoor {
  readonly server: Server;
  renew(identity: TlsIdentity): void;
  /** Cuts what is open. */
  cut(): void;
}

/** From the connection to the end of the handshake. */
const handshakeTimeoutMs = 20_000;

export function createTlsDoor(inside: HttpServer, identity: TlsIdentity, idleMs = 0): TlsDoor {
  const open = new Set<TLSSocket>();
  const server = orInvalid(() =>
    createServer({
      ...contextOf(identity),
      handshakeTimeout: handshakeTimeoutMs,
      ALPNProtocols: ['http/1.1'],
    }),
  );
  server.on('secureConnection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // A client that breaks the connection is no failure of ours.
    socket.on('error', () => undefined);
    if (idleMs > 0) socket.setTimeout(idleMs, () => socket.destroy());
    inside.emit('connection', socket);
  });
  server.on('tlsClientError', (_, socket) => socket.destroy());
  return {
    server,
    renew: (next) => orInvalid(() => server.setSecureContext(contextOf(next))),
    cut() {
      for (const socket of open) socket.destroy();
    },
  };
}

function contextOf({ cert, key, clientCa }: TlsIdentity) {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2' as const,
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
}

function orInvalid<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw invalid(`the TLS certificate and key are not usable together: ${toSiloError(cause).message}`, {
      code: 'bad-certificate',
      cause,
    });
  }
}
