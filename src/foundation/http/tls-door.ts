import type { Server as HttpServer } from 'node:http';
import { type DetailedPeerCertificate, type Server, type TLSSocket, createServer } from 'node:tls';
import { invalid, toSiloError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { readRevocationLists, revocationName, revokedNames } from '../x509/revocation-list.ts';
import { limitHeads } from './head-limit.ts';
import type { TlsIdentity } from './http.ts';

/** Listens for TLS and hands the decrypted connections to a server that does not listen itself: so the identity can change while it listens. */
export interface TlsDoor {
  readonly server: Server;
  /** Kind `invalid`, and nothing changes, when it cannot be used; also when it has no list of revoked certificates and the one in force has. */
  renew(identity: TlsIdentity): void;
  /** Cuts what is open. */
  cut(): void;
}

export interface TlsDoorOptions {
  /** Connections on which nothing moves for this long are cut; never when absent or zero. */
  idleMs?: number | undefined;
  log: Log;
  /** From the connection to the end of the handshake. */
  handshakeMs?: number;
  /** From the first byte of a request to the end of its head. */
  headMs: number;
}

const handshakeTimeoutMs = 20_000;
const keepAliveMs = 60_000;
/** Connections of strangers at one time; beyond it the one that has dawdled longest makes room, so that a crowd of them keeps nobody out. */
const maximumStrangers = 256;
/** OpenSSL believes no longer ones. */
const longestChain = 101;
/** Refusals are logged one by one up to so many in a stretch of time, and the rest counted: strangers must not fill the disk. */
const loggedRefusals = { count: 20, perMs: 60_000 };

export function createTlsDoor(
  inside: HttpServer,
  identity: TlsIdentity,
  { idleMs = 0, log, handshakeMs = handshakeTimeoutMs, headMs }: TlsDoorOptions,
): TlsDoor {
  let isRevoked = revocationOf(identity);
  let hasList = identity.revoked !== undefined;
  const heads = limitHeads(inside, headMs);
  const strangers = new Set<TLSSocket>();
  const open = new Set<TLSSocket>();
  const refuse = createRefusals(log);
  const server = orInvalid(() =>
    createServer({ ...contextOf(identity), handshakeTimeout: handshakeMs, ALPNProtocols: ['http/1.1'] }),
  );
  server.on('connection', (socket: TLSSocket) => {
    // A client that breaks the connection is no failure of ours.
    socket.on('error', () => undefined);
    const [longest] = strangers;
    if (strangers.size >= maximumStrangers) longest?.destroy();
    strangers.add(socket);
    socket.once('close', () => strangers.delete(socket));
  });
  server.on('secureConnection', (socket) => {
    strangers.delete(socket);
    // Here and not in the handshake, which knows nothing of lists that come later, and takes up sessions of former connections.
    if (isRevoked(socket)) {
      refuse(revokedError(), socket.remoteAddress);
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    // A client whose machine is gone says nothing any more, and what runs for it would run for ever.
    socket.setKeepAlive(true, keepAliveMs);
    if (idleMs > 0) socket.setTimeout(idleMs, () => socket.destroy());
    heads.watch(socket);
    inside.emit('connection', socket);
  });
  server.on('tlsClientError', (error, socket) => {
    refuse(error, socket.remoteAddress);
    socket.destroy();
  });
  return {
    server,
    renew(next) {
      if (hasList && next.revoked === undefined)
        throw invalid('the list of revoked certificates is gone: the one that was read stays in force', {
          code: 'no-revocation-list',
          hint: 'put it back, or start the engine anew without it',
        });
      const revoked = revocationOf(next);
      orInvalid(() => server.setSecureContext(contextOf(next)));
      isRevoked = revoked;
      hasList = next.revoked !== undefined;
      for (const socket of open) if (isRevoked(socket)) socket.destroy();
    },
    cut() {
      for (const socket of [...open, ...strangers]) socket.destroy();
    },
  };
}

function createRefusals(log: Log): (error: NodeJS.ErrnoException, address: string | undefined) => void {
  let since = -Infinity;
  let count = 0;
  return (error, address) => {
    // Whoever only looks whether somebody listens.
    if (error.code === 'ECONNRESET') return log.debug('a TLS connection was given up', { client: address });
    const now = performance.now();
    if (now - since > loggedRefusals.perMs) {
      if (count > loggedRefusals.count)
        log.warn('further TLS connections were refused', { count: count - loggedRefusals.count });
      [since, count] = [now, 0];
    }
    if (++count > loggedRefusals.count) return;
    log.warn('a TLS connection was refused', { client: address, reason: reasonOf(error) });
  };
}

/** Whether the certificate that a client showed, or one between it and the authority, is called back. One that cannot be asked for counts as if it were. */
function revocationOf({ clientCa, revoked }: TlsIdentity): (socket: TLSSocket) => boolean {
  if (clientCa === undefined || revoked === undefined) return () => false;
  const names = revokedNames(readRevocationLists(revoked, clientCa));
  return (socket) => {
    try {
      return chainOf(socket.getPeerCertificate(true)).some((raw) => names.has(revocationName(raw)));
    } catch {
      return true;
    }
  };
}

/** The root names itself as its issuer. */
function chainOf(leaf: DetailedPeerCertificate): Buffer[] {
  const certificates = new Set([leaf]);
  let next = leaf.issuerCertificate as DetailedPeerCertificate | undefined;
  for (; next && !certificates.has(next) && certificates.size < longestChain; next = next.issuerCertificate)
    certificates.add(next);
  return Array.from(certificates, ({ raw }) => raw);
}

const revokedError = (): NodeJS.ErrnoException =>
  Object.assign(new Error('certificate revoked'), { code: 'CERT_REVOKED' });

/** OpenSSL's codes in words, for those that users meet. */
const reasons: Record<string, string> = {
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the client showed no certificate',
  CERT_HAS_EXPIRED: 'the certificate of the client has expired',
  CERT_REVOKED: 'the certificate of the client was revoked',
  CERT_NOT_YET_VALID: 'the certificate of the client is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate of the client is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate of the client is of another authority',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate of the client is of another authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate of the client is of another authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate of the client is of another authority',
  CERT_SIGNATURE_FAILURE: 'the certificate of the client was not signed by the authority that it names',
  INVALID_PURPOSE: 'the certificate of the client is not one for clients',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the client speaks TLS older than 1.2',
  ERR_SSL_HTTP_REQUEST: 'the client speaks HTTP without TLS',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'the client did not finish the handshake in time',
};

const reasonOf = (error: NodeJS.ErrnoException): string =>
  reasons[error.code ?? ''] ?? toSiloError(error).message.slice(0, 300);

function contextOf({ cert, key, clientCa }: TlsIdentity) {
  // An empty text would mean the authorities that the system trusts.
  if (clientCa?.includes('-----BEGIN CERTIFICATE-----') === false)
    throw new Error('the file of the authority holds no certificate');
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
