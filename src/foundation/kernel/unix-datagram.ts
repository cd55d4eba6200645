import { closeDescriptor, openat } from './at.ts';
import { AT_FDCWD, O_PATH } from './flags.ts';
import { check, declare, EAGAIN, EINTR, fail, lastErrno, stableBytes } from './libc.ts';

const c = {
  socket: declare<[number, number, number]>('socket', 'int', ['int', 'int', 'int']),
  connect: declare<[number, Uint8Array, number]>('connect', 'int', ['int', 'void*', 'uint32']),
  send: declare<[number, Uint8Array, number, number]>('send', 'int64', ['int', 'void*', 'size_t', 'int']),
};
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 0o2004002;
const MSG_NOSIGNAL = 0x4000;

/** A `SOCK_DGRAM` socket (unix(7)) that sends to one place. */
export interface UnixDatagrams extends Disposable {
  /** False when the receiver's queue is full. Throws when the receiver is gone, or the message is too large for it. */
  trySend(message: Uint8Array): boolean;
}

/** Connects to the socket at `path`, of any length. */
export function connectDatagrams(path: string): UnixDatagrams {
  using undo = new DisposableStack();
  const fd = check(c.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0), 'socket');
  undo.defer(() => closeDescriptor(fd));
  const place = openat(AT_FDCWD, path, O_PATH);
  try {
    const address = stableBytes(110);
    address.writeUInt16LE(AF_UNIX, 0);
    address.write(`/proc/self/fd/${place}`, 2);
    if (c.connect(fd, address, address.length) < 0) fail(lastErrno(), 'connect', path);
  } finally {
    closeDescriptor(place);
  }
  const owned = undo.move();
  return {
    trySend(message) {
      for (;;) {
        if (c.send(fd, message, message.length, MSG_NOSIGNAL) >= 0) return true;
        const errno = lastErrno();
        if (errno === EAGAIN) return false;
        if (errno !== EINTR) fail(errno, 'send', path);
      }
    },
    [Symbol.dispose]: () => owned.dispose(),
  };
}
