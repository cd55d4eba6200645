import type { Reactor } from '../reactor.ts';
import { decodeAttributes, decodeMessages, textOf } from './message.ts';
import { watchNetlink, type NetlinkMonitor } from './monitor.ts';

const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
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

/** Changes of nftables in this network namespace, as the kernel reports them. */
export function watchNftables(reactor: Reactor, callback: (event: NftablesEvent) => void): NetlinkMonitor {
  return watchNetlink(reactor, { protocol: NETLINK_NETFILTER, group: NFNLGRP_NFTABLES }, (packet) => {
    if (packet) deliver(packet, callback);
    else callback({ table: undefined, type: 'new', by: undefined });
  });
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
