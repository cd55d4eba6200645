import { closeDescriptor, openat } from './at.ts';
import { AT_FDCWD, O_PATH } from './flags.ts';
import { setNonBlocking } from './io.ts';
import { check, declare, EAGAIN, EINTR, fail, lastErrno, stableBytes } from './libc.ts';
import { EPOLLIN, EPOLLOUT, type Reactor } from './reactor.ts';

const c = {
  socket: declare<[number, number, number]>('socket', 'int', ['int', 'int', 'int']),
  connect: declare<[number, Uint8Array, number]>('connect', 'int', ['int', 'void*', 'uint32']),
  recv: declare<[number, Uint8Array, number, number]>('recv', 'int64', ['int', 'void*', 'size_t', 'int']),
  send: declare<[number, Uint8Array, number, number]>('send', 'int64', ['int', 'void*', 'size_t', 'int']),
  shutdown: declare<[number, number]>('shutdown', 'int', ['int', 'int']),
  setsockopt: declare<[number, number, number, BigInt64Array, number]>('setsockopt', 'int', [
    'int',
    'int',
    'int',
    'void*',
    'uint32',
  ]),
};
const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC_NONBLOCK = 0o2004000;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;
const connectTimeoutSeconds = 5n;
const EPIPE = 32;
const ECONNRESET = 104;

const largestPacketBytes = 65_536;
/** A sender that never rests must not keep the event loop from others: so much is read in one go, the reactor calls again. */
const bytesPerTurn = 1 << 20;
const packetsPerTurn = 256;

/** One connection to a `SOCK_SEQPACKET` socket (unix(7)): packets stay whole, both ways. */
export interface Seqpacket extends Disposable {
  /** Delivers packets from now on (none is read before, none while paused). The bytes are the listener's to keep. */
  onPacket(listener: (packet: Buffer) => void): void;
  pause(): void;
  resume(): void;
  /** One packet; resolves when the kernel has taken it. Order is kept. Rejects with EPIPE when the peer is gone. */
  send(packet: Uint8Array): Promise<void>;
  /** End of our stream, after all packets given to `send`; what the peer sends still arrives. */
  endWrites(): void;
  /** Resolves when the peer has closed and all of its packets were delivered, when reading failed, or when disposed. */
  readonly closed: Promise<void>;
}

/**
 * Connects to the socket at `path`, of any length. The usual case does not leave the event loop; a listener whose queue is full is waited
 * for on the thread pool, at most five seconds (then `EAGAIN`).
 */
export async function connectSeqpacket(reactor: Reactor, path: string): Promise<Seqpacket> {
  using undo = new DisposableStack();
  const fd = check(c.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC_NONBLOCK, 0), 'socket');
  undo.defer(() => closeDescriptor(fd));
  // Paths of sockaddr_un end at 107 bytes; the descriptor of the socket's file always has a short one.
  const place = openat(AT_FDCWD, path, O_PATH);
  undo.defer(() => closeDescriptor(place));
  const address = stableBytes(110);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(`/proc/self/fd/${place}`, 2);
  if (c.connect(fd, address, address.length) < 0) {
    const errno = lastErrno();
    if (errno !== EAGAIN) return fail(errno, 'connect', path);
    await connectWaiting(fd, address, path);
  }
  undo.move();
  closeDescriptor(place);
  return wrapSeqpacket(reactor, fd);
}

async function connectWaiting(fd: number, address: Uint8Array, path: string): Promise<void> {
  const timeout = new BigInt64Array([connectTimeoutSeconds, 0n]);
  check(c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeout, timeout.byteLength), 'setsockopt');
  setNonBlocking(fd, 'blocking');
  const { result, errno } = await c.connect.async(fd, address, address.length);
  setNonBlocking(fd, 'non-blocking');
  if (result < 0) fail(errno, 'connect', path);
}

interface PendingSend {
  packet: Uint8Array;
  resolve(): void;
  reject(error: unknown): void;
}

/** Takes over a connected `SOCK_SEQPACKET` descriptor. */
export function wrapSeqpacket(reactor: Reactor, fd: number): Seqpacket {
  const buffer = new Uint8Array(largestPacketBytes);
  const pending: PendingSend[] = [];
  const { promise: closed, resolve: reportClosed } = Promise.withResolvers<void>();
  let listener: ((packet: Buffer) => void) | undefined;
  let reading: 'paused' | 'flowing' | 'ended' = 'paused';
  let ending = false;
  let disposed = false;

  const watch = reactor.watch(fd, 0, (events) => {
    // A hang-up is reported without being asked for; whoever is interested meets it when reading or sending.
    if (pending.length > 0 && (events & ~EPOLLIN) !== 0) flush();
    if (isFlowing()) drain();
  });
  const isFlowing = (): boolean => reading === 'flowing';
  const updateWatch = (): void => {
    if (!disposed) watch.update((isFlowing() ? EPOLLIN : 0) | (pending.length > 0 ? EPOLLOUT : 0));
  };
  const resume = (): void => {
    if (reading === 'paused' && listener) reading = 'flowing';
    updateWatch();
  };
  const endReading = (): void => {
    reading = 'ended';
    updateWatch();
    reportClosed();
  };

  const drain = (): void => {
    let budget = bytesPerTurn;
    for (let packets = 0; packets < packetsPerTurn && budget > 0 && isFlowing(); packets++) {
      const length = receive(fd, buffer);
      if (length === undefined) return;
      if (length === 0) return endReading();
      budget -= length;
      listener?.(Buffer.from(buffer.slice(0, length).buffer));
    }
  };

  const flush = (): void => {
    for (let next = pending[0]; next; next = pending[0]) {
      try {
        if (!trySend(fd, next.packet)) break;
        next.resolve();
      } catch (error) {
        next.reject(error);
      }
      pending.shift();
    }
    if (pending.length === 0 && ending) c.shutdown(fd, SHUT_WR);
    updateWatch();
  };

  return {
    closed,
    onPacket(wanted) {
      listener = wanted;
      resume();
    },
    pause() {
      if (isFlowing()) reading = 'paused';
      updateWatch();
    },
    resume,
    send(packet) {
      return new Promise((resolve, reject) => {
        if (disposed || ending) return fail(EPIPE, 'send');
        pending.push({ packet, resolve, reject });
        if (pending.length === 1) flush();
      });
    },
    endWrites() {
      if (disposed || ending) return;
      ending = true;
      if (pending.length === 0) c.shutdown(fd, SHUT_WR);
    },
    [Symbol.dispose]() {
      if (disposed) return;
      disposed = true;
      watch[Symbol.dispose]();
      closeDescriptor(fd);
      reading = 'ended';
      reportClosed();
      for (const unsent of pending.splice(0)) unsent.reject(errorOf(() => fail(EPIPE, 'send')));
    },
  };
}

/**
 * recv(2): the packet's length, `undefined` when none is there now, 0 at the end. A packet beyond `largestPacketBytes` ends it too (the peer does
 * not speak our protocol). A peer that closed without reading all of ours resets the connection: the kernel tells that once, before the packets
 * that are still queued.
 */
function receive(fd: number, buffer: Uint8Array): number | undefined {
  for (;;) {
    const length = c.recv(fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC);
    if (length >= 0) return length <= buffer.length ? length : 0;
    const errno = lastErrno();
    if (errno === EAGAIN) return undefined;
    if (errno !== EINTR && errno !== ECONNRESET) return 0;
  }
}

/** send(2); false when the peer's queue is full. */
function trySend(fd: number, packet: Uint8Array): boolean {
  for (;;) {
    if (c.send(fd, packet, packet.length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
    const errno = lastErrno();
    if (errno === EAGAIN) return false;
    if (errno !== EINTR) return fail(errno, 'send');
  }
}

function errorOf(work: () => never): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
