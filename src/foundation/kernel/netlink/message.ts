import { formatIpAddress, type IpAddress } from '../../base/ip-address.ts';

/*
 * The wire format of netlink(7) and rtnetlink(7): a header of 16 bytes, a fixed part that depends on the type, attributes. Numbers are in
 * the machine's byte order, which is little-endian on both architectures. Pure functions.
 */

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

export const headerBytes = 16;

/** What is asked: message type, flags beside REQUEST and ACK, fixed part, attributes. `about` names the object in errors. */
export interface Request {
  type: number;
  flags?: number;
  body: Uint8Array;
  /** For error texts: the call (`RTM_NEWLINK`) and the thing (`veth1`). */
  call: string;
  about?: string | undefined;
  /** No answer is asked for; a failure may be told all the same. */
  isUnanswered?: boolean;
}

export interface Message {
  type: number;
  flags: number;
  sequence: number;
  /** Of the socket that asked, or 0: a program's first socket has the number of its process, as that process sees itself (netlink(7)). */
  port: number;
  /** Fixed part and attributes. */
  body: Buffer;
}

export function encodeMessage(request: Request, flags: number, sequence: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(headerBytes + request.body.length, 0);
  header.writeUInt16LE(request.type, 4);
  header.writeUInt16LE((request.flags ?? 0) | flags, 6);
  header.writeUInt32LE(sequence, 8);
  return padded([header, request.body]);
}

export function* decodeMessages(packet: Buffer): Generator<Message> {
  for (let offset = 0; offset + headerBytes <= packet.length;) {
    const length = packet.readUInt32LE(offset);
    if (length < headerBytes || offset + length > packet.length) return;
    yield {
      type: packet.readUInt16LE(offset + 4),
      flags: packet.readUInt16LE(offset + 6),
      sequence: packet.readUInt32LE(offset + 8),
      port: packet.readUInt32LE(offset + 12),
      body: packet.subarray(offset + headerBytes, offset + length),
    };
    offset += align(length);
  }
}

/** One attribute (`struct rtattr`), padded to four bytes. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(4 + value.length, 0);
  header.writeUInt16LE(type, 2);
  return padded([header, value]);
}

export function attributeU8(type: number, value: number): Buffer {
  return attribute(type, Uint8Array.of(value));
}

export function attributeU32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return attribute(type, bytes);
}

export function attributeText(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

export function attributeNested(type: number, parts: readonly Uint8Array[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(parts));
}

/** Attributes by type; of a repeated one the last counts. */
export type Attributes = Map<number, Buffer>;

export function decodeAttributes(bytes: Buffer): Attributes {
  const found: Attributes = new Map();
  for (let offset = 0; offset + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(offset);
    if (length < 4 || offset + length > bytes.length) break;
    found.set(bytes.readUInt16LE(offset + 2) & NLA_TYPE_MASK, bytes.subarray(offset + 4, offset + length));
    offset += align(length);
  }
  return found;
}

export function textOf(value: Buffer | undefined): string | undefined {
  if (!value) return undefined;
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}

export function u32Of(value: Buffer | undefined): number | undefined {
  return value && value.length >= 4 ? value.readUInt32LE(0) : undefined;
}

export function macBytes(address: string): Buffer {
  return Buffer.from(address.replaceAll(':', ''), 'hex');
}

export function macOf(value: Buffer | undefined): string | undefined {
  return value?.length === 6 ? value.toString('hex').replace(/..(?!$)/g, '$&:') : undefined;
}

/** Network byte order: 4 or 16 bytes. */
export function ipBytes(address: IpAddress): Buffer {
  return Buffer.from(address.value.toString(16).padStart(address.family === 4 ? 8 : 32, '0'), 'hex');
}

export function ipTextOf(value: Buffer | undefined): string | undefined {
  if (value?.length !== 4 && value?.length !== 16) return undefined;
  const family = value.length === 4 ? 4 : 6;
  return formatIpAddress({ family, value: BigInt(`0x${value.toString('hex')}`) });
}

export const AF_INET = 2;
export const AF_INET6 = 10;

export function familyOf(address: { family: 4 | 6 }): number {
  return address.family === 4 ? AF_INET : AF_INET6;
}

function align(length: number): number {
  return (length + 3) & ~3;
}

function padded(parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat(parts, align(length));
}
