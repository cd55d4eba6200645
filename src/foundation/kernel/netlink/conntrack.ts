import { parseIpAddress } from '../../base/ip-address.ts';
import { isErrno } from '../syscall-error.ts';
import {
  AF_INET,
  AF_INET6,
  attribute,
  attributeNested,
  attributeU32,
  decodeAttributes,
  familyOf,
  ipBytes,
  ipTextOf,
  type Request,
} from './message.ts';
import { openNetfilterSocket } from './socket.ts';

/*
 * ctnetlink: the kernel's table of connections (linux/netfilter/nfnetlink_conntrack.h). Numbers in attributes are big-endian.
 */

const IPCTNL_MSG_CT_GET = (1 << 8) | 1;
const IPCTNL_MSG_CT_DELETE = (1 << 8) | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
/** Not in the public headers (net/netfilter/nf_internals.h): which parts of the tuple are compared. */
const CTA_FILTER_F_CTA_IP_SRC = 1 << 0;
const CTA_FILTER_F_CTA_PROTO_NUM = 1 << 3;
const CTA_FILTER_F_CTA_PROTO_DST_PORT = 1 << 5;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const genericBytes = 4;

export const IPPROTO_UDP = 17;

/** One tracked flow: where its first packet was sent to, and who answers (another address after a translation). */
export interface Flow {
  toAddress: string;
  toPort: number;
  answeredBy: string;
}

/** Which flows the kernel is to tell of: a host may have hundreds of thousands. */
export type FlowFilter = { toPort: number } | { answeredBy: string } | 'all';

/**
 * Makes the kernel forget the flows of a protocol that the function picks among those that meet one of the filters; gives how many. Their next packet is
 * looked at as a first one, by the rules that stand then. One that ends meanwhile is fine. Kernels before 5.8 know no filters; `picks` decides.
 */
export function forgetFlows(
  protocol: number,
  filters: readonly FlowFilter[],
  picks: (flow: Flow) => boolean,
): number {
  using socket = openNetfilterSocket();
  let forgotten = 0;
  const all = filters.flatMap((filter) =>
    familiesOf(filter).flatMap((family) => socket.dump(listRequest(family, protocol, filter))),
  );
  for (const { body } of all) {
    const attributes = decodeAttributes(body.subarray(genericBytes));
    const original = attributes.get(CTA_TUPLE_ORIG);
    const reply = attributes.get(CTA_TUPLE_REPLY);
    const id = attributes.get(CTA_ID);
    if (!original || !reply || !id) continue;
    const to = readTuple(original);
    if (to.protocol !== protocol) continue;
    const flow = { toAddress: to.destination, toPort: to.port, answeredBy: readTuple(reply).source };
    if (!picks(flow)) continue;
    const zone = attributes.get(CTA_ZONE);
    const request: Request = {
      type: IPCTNL_MSG_CT_DELETE,
      body: Buffer.concat([
        generic(body.readUInt8(0)),
        attribute(CTA_TUPLE_ORIG | nested, original),
        attribute(CTA_ID, id),
        ...(zone ? [attribute(CTA_ZONE, zone)] : []),
      ]),
      call: 'IPCTNL_MSG_CT_DELETE',
    };
    try {
      socket.execute([request]);
      forgotten++;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return forgotten;
}

const nested = 0x8000;

const familiesOf = (filter: FlowFilter): number[] =>
  filter !== 'all' && 'answeredBy' in filter
    ? [familyOf(parseIpAddress(filter.answeredBy))]
    : [AF_INET, AF_INET6];

function listRequest(family: number, protocol: number, filter: FlowFilter): Request {
  const toPort = filter !== 'all' && 'toPort' in filter ? filter.toPort : undefined;
  const answeredBy = filter !== 'all' && 'answeredBy' in filter ? filter.answeredBy : undefined;
  const proto = attributeNested(CTA_TUPLE_PROTO, [
    attribute(CTA_PROTO_NUM, Uint8Array.of(protocol)),
    ...(toPort === undefined ? [] : [attribute(CTA_PROTO_DST_PORT, bigEndian16(toPort))]),
  ]);
  const portFlag = toPort === undefined ? 0 : CTA_FILTER_F_CTA_PROTO_DST_PORT;
  return {
    type: IPCTNL_MSG_CT_GET,
    body: Buffer.concat([
      generic(family),
      attributeNested(CTA_TUPLE_ORIG, [proto]),
      ...(answeredBy === undefined ? [] : [attributeNested(CTA_TUPLE_REPLY, [sourceOf(answeredBy)])]),
      attributeNested(CTA_FILTER, [
        attributeU32(CTA_FILTER_ORIG_FLAGS, CTA_FILTER_F_CTA_PROTO_NUM | portFlag),
        ...(answeredBy === undefined ? [] : [attributeU32(CTA_FILTER_REPLY_FLAGS, CTA_FILTER_F_CTA_IP_SRC)]),
      ]),
    ]),
    call: 'IPCTNL_MSG_CT_GET',
  };
}

function sourceOf(text: string): Buffer {
  const address = parseIpAddress(text);
  const type = address.family === 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
  return attributeNested(CTA_TUPLE_IP, [attribute(type, ipBytes(address))]);
}

function bigEndian16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function readTuple(bytes: Buffer): { protocol: number; source: string; destination: string; port: number } {
  const tuple = decodeAttributes(bytes);
  const ip = decodeAttributes(tuple.get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const proto = decodeAttributes(tuple.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  const port = proto.get(CTA_PROTO_DST_PORT);
  return {
    protocol: proto.get(CTA_PROTO_NUM)?.[0] ?? 0,
    source: ipTextOf(ip.get(CTA_IP_V4_SRC) ?? ip.get(CTA_IP_V6_SRC)) ?? '',
    destination: ipTextOf(ip.get(CTA_IP_V4_DST) ?? ip.get(CTA_IP_V6_DST)) ?? '',
    port: port && port.length >= 2 ? port.readUInt16BE(0) : 0,
  };
}

/** struct nfgenmsg: family, version, resource. */
function generic(family: number): Buffer {
  return Buffer.from([family, 0, 0, 0]);
}
