import { attribute, attributeNested, attributeText, NLM_F_CREATE, type Request } from './message.ts';
import type { RouteSocket } from './socket.ts';

/*
 * Elements of sets and maps of nftables, written without the program (linux/netfilter/nf_tables.h, nfnetlink.h): a batch is one transaction. Everything
 * else of a rule set is nft(8)'s matter.
 */

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_MSG_NEWSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 12;
const NFT_MSG_DELSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 14;
const NFPROTO_INET = 1;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_KEY_END = 10;
const NFTA_DATA_VALUE = 1;
/** Their list is one attribute, whose length has sixteen bits. */
const elementsPerMessage = 400;

/** Bytes as the kernel compares them: each part of a concatenation is padded to four. */
export interface SetElement {
  key: Uint8Array;
  /** Of an interval: the last key. */
  keyEnd?: Uint8Array;
  /** In a map. */
  value?: Uint8Array;
}

export interface SetChange {
  set: string;
  removed: readonly SetElement[];
  added: readonly SetElement[];
}

/**
 * All of it takes effect, removals first, or nothing (ENOENT when something is not there, EEXIST when a key has another value). On the thread pool: it waits
 * for whoever else writes rules.
 */
export function changeElements(
  socket: RouteSocket,
  table: string,
  changes: readonly SetChange[],
): Promise<void> {
  const requests = (
    type: number,
    flags: number,
    pick: (change: SetChange) => readonly SetElement[],
  ): Request[] =>
    changes.flatMap((change) =>
      inPieces(pick(change)).map((elements) => ({
        type,
        flags,
        body: Buffer.concat([
          generic(NFPROTO_INET, 0),
          attributeText(NFTA_SET_ELEM_LIST_TABLE, table),
          attributeText(NFTA_SET_ELEM_LIST_SET, change.set),
          attributeNested(NFTA_SET_ELEM_LIST_ELEMENTS, elements.map(encodeElement)),
        ]),
        call: type === NFT_MSG_NEWSETELEM ? 'NFT_MSG_NEWSETELEM' : 'NFT_MSG_DELSETELEM',
        about: `${table} ${change.set}`,
      })),
    );
  const all = [
    ...requests(NFT_MSG_DELSETELEM, 0, ({ removed }) => removed),
    ...requests(NFT_MSG_NEWSETELEM, NLM_F_CREATE, ({ added }) => added),
  ];
  if (all.length === 0) return Promise.resolve();
  return socket.executeAsync([
    mark(NFNL_MSG_BATCH_BEGIN, 'NFNL_MSG_BATCH_BEGIN'),
    ...all,
    mark(NFNL_MSG_BATCH_END, 'NFNL_MSG_BATCH_END'),
  ]);
}

function inPieces(elements: readonly SetElement[]): SetElement[][] {
  const pieces: SetElement[][] = [];
  for (let at = 0; at < elements.length; at += elementsPerMessage)
    pieces.push(elements.slice(at, at + elementsPerMessage));
  return pieces;
}

function encodeElement({ key, keyEnd, value }: SetElement): Buffer {
  const part = (type: number, bytes: Uint8Array): Buffer =>
    attributeNested(type, [attribute(NFTA_DATA_VALUE, bytes)]);
  return attributeNested(NFTA_LIST_ELEM, [
    part(NFTA_SET_ELEM_KEY, key),
    ...(keyEnd ? [part(NFTA_SET_ELEM_KEY_END, keyEnd)] : []),
    ...(value ? [part(NFTA_SET_ELEM_DATA, value)] : []),
  ]);
}

/** Begin and end of a transaction; kernels differ in whether they answer these. */
function mark(type: number, call: string): Request {
  return { type, body: generic(0, NFNL_SUBSYS_NFTABLES), call, isUnanswered: true };
}

/** struct nfgenmsg: family, version, resource (big-endian). */
function generic(family: number, resource: number): Buffer {
  return Buffer.from([family, 0, resource >> 8, resource & 0xff]);
}
