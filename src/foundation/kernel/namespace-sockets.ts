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
  open(write: (bytes: Uint8Array) => void, end: () => void): T;
  data(connection: T, bytes: Uint8Array): void;
  close(connection: T): void;
}

/** A TCP listener inside another network namespace. A connection that is silent for `idleSeconds` is closed. */
export function listenStreams<T>(
  place: ListenPlace,
  options: { idleSeconds: number },
  handlers: StreamHandlers<T>,
): Disposable {
  const listener = inNetworkNamespace(place.namespaceFd, () =>
    Bun.listen<{ connection?: T }>({
      hostname: place.address,
      port: place.port,
      socket: {
        open(socket) {
          socket.timeout(options.idleSeconds);
          socket.data = {
            connection: handlers.open(
              (bytes) => void socket.write(bytes),
              () => void socket.end(),
            ),
          };
        },
        data(socket, bytes) {
          if (socket.data.connection !== undefined) handlers.data(socket.data.connection, bytes);
        },
        timeout: (socket) => void socket.end(),
        error: () => undefined,
        close(socket) {
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
