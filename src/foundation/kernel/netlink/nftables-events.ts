import { closeDescriptor } from '../at.ts';
import { check, declare, fail, lastErrno, stableBytes } from '../libc.ts';
import { EPOLLIN, type Reactor } from '../reactor.ts';
import { decodeAttributes, decodeMessages, textOf } from './message.ts';

const c = {
  socket: declare<[number, number, number]>('socket', 'int', ['int', 'int', 'int']),
  setsockopt: declare<[number, number, number, Int32Array, number]>('setsockopt', 'int', [
    'int',
    'int',
    'int',
    'void*',
    'uint32',
  ]),
  bind: declare<[number, Uint8Array, number]>('bind', 'int', ['int', 'void*', 'uint32']),
  recv: declare<[number, Uint8Array, number, number]>('recv', 'int64', ['int', 'void*', 'size_t', 'int']),
};
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
/** A transaction that writes some thousand rules is reported in one go. */
const receiveBytes = 8 * 1024 * 1024;
const MSG_DONTWAIT = 0x40;
const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;
/** Of every kind of message but that of a generation, the name of the table is the first attribute. */
const NFTA_TABLE_NAME = 1;
const genericBytes = 4;

/** What happened to a table, by the message types of linux/netfilter/nf_tables.h; `table` undefined: events were lost, anything may have changed. */
export interface NftablesEvent {
  /**
   * Port of the socket that wrote the transaction. For nft it is the number of the process as that process sees itself; the number that the
   * kernel reports with a generation is that of the first pid namespace, and means nothing in others.
   */
  by: number | undefined;
  table: string | undefined;
  type: 'new-table' | 'delete-table' | 'new-chain' | 'new' | 'delete';
}

export interface NftablesMonitor extends Disposable {
  /** Delivers what the kernel has reported until now, before it returns. */
  drain(): void;
}

/** Changes of nftables in this network namespace, as the kernel reports them (nfnetlink's multicast group). Nothing is asked again and again. */
export function watchNftables(reactor: Reactor, callback: (event: NftablesEvent) => void): NftablesMonitor {
  using undo = new DisposableStack();
  let owned: DisposableStack | undefined;
  const fd = check(c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER), 'socket');
  undo.defer(() => closeDescriptor(fd));
  const address = socketAddress(NFNLGRP_NFTABLES);
  // Without CAP_NET_ADMIN in the first user namespace it stays as it is: an overflow is reported.
  c.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, Int32Array.of(receiveBytes), 4);
  check(c.bind(fd, address, address.length), 'bind');
  const buffer = Buffer.alloc(65_536);
  // A number that was given back may be somebody else's socket.
  const isOpen = (): boolean => !undo.disposed || owned?.disposed === false;
  const drain = (): void => {
    while (isOpen()) {
      const length = c.recv(fd, buffer, buffer.length, MSG_DONTWAIT);
      if (length > 0) deliver(buffer.subarray(0, length), callback);
      else if (lastErrno() === ENOBUFS) callback({ table: undefined, type: 'new', by: undefined });
      else if (lastErrno() === EAGAIN || length === 0) return;
      else if (lastErrno() !== EINTR) fail(lastErrno(), 'recv (nftables events)');
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

function deliver(packet: Buffer, callback: (event: NftablesEvent) => void): void {
  for (const { type, port, body } of decodeMessages(packet)) {
    const kind = type & 0xff;
    if (type >> 8 !== NFNL_SUBSYS_NFTABLES || kind === NFT_MSG_NEWGEN) continue;
    const table = textOf(decodeAttributes(body.subarray(genericBytes)).get(NFTA_TABLE_NAME));
    if (table !== undefined) callback({ table, type: typeOf(kind), by: port });
  }
}

/** NFT_MSG_NEWTABLE 0, GETTABLE 1, DELTABLE 2, and so on for chains, rules, sets, elements; objects and flow tables after NEWGEN and TRACE. */
function typeOf(kind: number): NftablesEvent['type'] {
  if (kind === 0) return 'new-table';
  if (kind === 3) return 'new-chain';
  if (kind === 2) return 'delete-table';
  const deletions = new Set([5, 8, 11, 14, 20, 24]);
  return deletions.has(kind) ? 'delete' : 'new';
}
