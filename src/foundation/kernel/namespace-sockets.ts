import { inNetworkNamespace } from './namespace.ts';

/** Where a server listens: the sockets belong to that network namespace for good, whatever thread serves them. */
export interface ListenPlace {
  namespaceFd: number;
  address: string;
  port: number;
}

export interface DatagramServer extends Disposable {
  send(bytes: Uint8Array, port: number, address: string): void;
}

/**
 * A UDP socket inside another network namespace. The runtime makes and binds the socket synchronously, which is what makes this right; bytes are
 * valid during the call only.
 */
export async function listenDatagrams(
  place: ListenPlace,
  onPacket: (bytes: Uint8Array, port: number, address: string) => void,
): Promise<DatagramServer> {
  const { opening } = inNetworkNamespace(place.namespaceFd, () => ({
    opening: Bun.udpSocket({
      hostname: place.address,
      port: place.port,
      socket: {
        data: (_socket, bytes, port, address) => onPacket(bytes, port, address),
        error: () => undefined,
      },
    }),
  }));
  const socket = await opening;
  return {
    send: (bytes, port, address) => void socket.send(bytes, port, address),
    [Symbol.dispose]: () => socket.close(),
  };
}

export interface StreamHandlers<T> {
  /** What the other side does not take is kept for it up to `mostUnsentBytes`; beyond, the connection ends. */
  open(write: (bytes: Uint8Array) => void, end: () => void): T;
  data(connection: T, bytes: Uint8Array): void;
  close(connection: T): void;
}

export interface StreamLimits {
  /** Without a byte from the other side for so long a connection ends. */
  idleSeconds: number;
  /** One more ends that which has been silent for longest: who opens many and says nothing keeps nobody out. */
  mostConnections: number;
  mostUnsentBytes: number;
}

/** A TCP listener inside another network namespace. */
export function listenStreams<T>(
  place: ListenPlace,
  limits: StreamLimits,
  handlers: StreamHandlers<T>,
): Disposable {
  /** Longest silent first. */
  const connections = new Set<{ terminate(): void }>();
  const listener = inNetworkNamespace(place.namespaceFd, () =>
    Bun.listen<{ connection?: T; unsent: Buffer }>({
      hostname: place.address,
      port: place.port,
      socket: {
        open(socket) {
          socket.data = { unsent: Buffer.alloc(0) };
          const [silent] = connections;
          if (silent && connections.size >= limits.mostConnections) {
            connections.delete(silent);
            silent.terminate();
          }
          connections.add(socket);
          socket.timeout(limits.idleSeconds);
          const write = (bytes: Uint8Array): void => {
            const { unsent } = socket.data;
            const sent = unsent.length > 0 ? 0 : Math.max(0, socket.write(bytes));
            if (unsent.length + bytes.length - sent > limits.mostUnsentBytes) socket.terminate();
            else if (sent < bytes.length) socket.data.unsent = Buffer.concat([unsent, bytes.subarray(sent)]);
          };
          socket.data.connection = handlers.open(write, () => void socket.end());
        },
        drain(socket) {
          const { unsent } = socket.data;
          if (unsent.length > 0) socket.data.unsent = unsent.subarray(Math.max(0, socket.write(unsent)));
        },
        data(socket, bytes) {
          if (connections.delete(socket)) connections.add(socket);
          if (socket.data.connection !== undefined) handlers.data(socket.data.connection, bytes);
        },
        timeout: (socket) => void socket.end(),
        error: () => undefined,
        close(socket) {
          connections.delete(socket);
          if (socket.data?.connection !== undefined) handlers.close(socket.data.connection);
        },
      },
    }),
  );
  return { [Symbol.dispose]: () => listener.stop(true) };
}

export interface ConnectedDatagrams extends Disposable {
  send(bytes: Uint8Array): void;
}

/** A UDP socket of this process's own namespace that speaks with one peer only: the kernel drops what others send. */
export async function connectDatagrams(
  peer: { address: string; port: number },
  handlers: { data: (bytes: Uint8Array) => void; unreachable: () => void },
): Promise<ConnectedDatagrams> {
  const socket = await Bun.udpSocket({
    connect: { hostname: peer.address, port: peer.port },
    socket: { data: (_socket, bytes) => handlers.data(bytes), error: () => handlers.unreachable() },
  });
  return {
    send: (bytes) => void socket.send(bytes),
    [Symbol.dispose]: () => socket.close(),
  };
}
