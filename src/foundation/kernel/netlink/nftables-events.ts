import { closeDescriptor } from '../at.ts';
import { check, declare, fail, lastErrno, stableBytes } from '../libc.ts';
import { EPOLLIN, type Reactor } from '../reactor.ts';
import { decodeAttributes, decodeMessages, textOf } from './message.ts';

const c = {
  socket: declare<[number, number, number]>('socket', 'int', ['int', 'int', 'int']),
  bind: declare<[number, Uint8Array, number]>('bind', 'int', ['int', 'void*', 'uint32']),
  recv: declare<[number, Uint8Array, number, number]>('recv', 'int64', ['int', 'void*', 'size_t', 'int']),
};
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const MSG_DONTWAIT = 0x40;
const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;
/** Of every kind of message but that of a generation, the name of the table is the first attribute. */
const NFTA_TABLE_NAME = 1;
const NFTA_GEN_PROC_PID = 2;
const genericBytes = 4;

/** What happened to a table, by the message types of linux/netfilter/nf_tables.h; `table` undefined: events were lost, anything may have changed. */
export interface NftablesEvent {
  /** Process that wrote the transaction; undefined when it is not known. */
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
  check(c.bind(fd, address, address.length), 'bind');
  const buffer = Buffer.alloc(65_536);
  const transaction: Omit<NftablesEvent, 'by'>[] = [];
  // A number that was given back may be somebody else's socket.
  const isOpen = (): boolean => !undo.disposed || owned?.disposed === false;
  const drain = (): void => {
    while (isOpen()) {
      const length = c.recv(fd, buffer, buffer.length, MSG_DONTWAIT);
      if (length > 0) deliver(buffer.subarray(0, length), transaction, callback);
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

/** The message of the new generation ends a transaction and names its writer (enum nft_gen_attributes). */
function deliver(
  packet: Buffer,
  transaction: Omit<NftablesEvent, 'by'>[],
  callback: (event: NftablesEvent) => void,
): void {
  for (const { type, body } of decodeMessages(packet)) {
    const kind = type & 0xff;
    if (type >> 8 !== NFNL_SUBSYS_NFTABLES) continue;
    const attributes = decodeAttributes(body.subarray(genericBytes));
    if (kind === NFT_MSG_NEWGEN) {
      const pid = attributes.get(NFTA_GEN_PROC_PID);
      const by = pid?.length === 4 ? pid.readUInt32BE(0) : undefined;
      for (const event of transaction.splice(0)) callback({ ...event, by });
      continue;
    }
    const table = textOf(attributes.get(NFTA_TABLE_NAME));
    if (table !== undefined) transaction.push({ table, type: typeOf(kind) });
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
