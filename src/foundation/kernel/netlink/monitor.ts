import { closeDescriptor } from '../at.ts';
import { check, declare, EAGAIN, EINTR, fail, lastErrno, stableBytes } from '../libc.ts';
import { EPOLLIN, type Reactor } from '../reactor.ts';
import { AF_NETLINK, openSocket, tryOption } from './open.ts';

const c = {
  bind: declare<[number, Uint8Array, number]>('bind', 'int', ['int', 'void*', 'uint32']),
  recv: declare<[number, Uint8Array, number, number]>('recv', 'int64', ['int', 'void*', 'size_t', 'int']),
};
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
/** A transaction that writes some thousand rules is reported in one go. */
const receiveBytes = 8 * 1024 * 1024;
const MSG_DONTWAIT = 0x40;
const ENOBUFS = 105;

export interface NetlinkMonitor extends Disposable {
  /** Delivers what the kernel has reported until now, before it returns. */
  drain(): void;
}

/**
 * Listens to a multicast group of netlink(7) in this network namespace; nothing is asked again and again. A packet is valid until its callback returns;
 * undefined says that packets were lost.
 */
export function watchNetlink(
  reactor: Reactor,
  source: { protocol: number; group: number },
  callback: (packet: Buffer | undefined) => void,
): NetlinkMonitor {
  using undo = new DisposableStack();
  let owned: DisposableStack | undefined;
  const fd = openSocket(source.protocol);
  undo.defer(() => closeDescriptor(fd));
  const address = socketAddress(source.group);
  // Without CAP_NET_ADMIN in the first user namespace it stays as it is: an overflow is reported.
  tryOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, receiveBytes);
  check(c.bind(fd, address, address.length), 'bind');
  const buffer = Buffer.alloc(65_536);
  // A number that was given back may be somebody else's socket.
  const isOpen = (): boolean => !undo.disposed || owned?.disposed === false;
  const drain = (): void => {
    while (isOpen()) {
      const length = c.recv(fd, buffer, buffer.length, MSG_DONTWAIT);
      if (length > 0) callback(buffer.subarray(0, length));
      else if (lastErrno() === ENOBUFS) callback(undefined);
      else if (lastErrno() === EAGAIN || length === 0) return;
      else if (lastErrno() !== EINTR) fail(lastErrno(), 'recv (netlink events)');
    }
  };
  undo.use(reactor.watch(fd, EPOLLIN, drain));
  owned = undo.move();
  const monitor = owned;
  return { drain, [Symbol.dispose]: () => monitor.dispose() };
}

/** struct sockaddr_nl (netlink(7)): family, port chosen by the kernel, mask of the groups. */
function socketAddress(group: number): Buffer {
  const bytes = stableBytes(12);
  bytes.writeUInt16LE(AF_NETLINK, 0);
  bytes.writeUInt32LE(1 << (group - 1), 8);
  return bytes;
}
