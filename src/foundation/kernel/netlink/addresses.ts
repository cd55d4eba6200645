import { parseIpAddress } from '../../base/ip-address.ts';
import {
  attribute,
  attributeU32,
  decodeAttributes,
  familyOf,
  ipBytes,
  ipTextOf,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  type Request,
} from './message.ts';
import type { RouteSocket } from './socket.ts';

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;
const messageBytes = 8;

export interface InterfaceAddress {
  /** Index of the interface. */
  link: number;
  address: string;
  prefixLength: number;
}

/**
 * A request to give an interface an address. An IPv6 one is usable at once, without the second of duplicate detection. EEXIST when
 * it is there, unless `replace`.
 */
export function addAddress(
  { link, address, prefixLength }: InterfaceAddress,
  options: { replace?: boolean } = {},
): Request {
  const { family, value } = parseIpAddress(address);
  const bytes = ipBytes({ family, value });
  const parts = [attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)];
  if (family === 6) parts.push(attributeU32(IFA_FLAGS, IFA_F_NODAD));
  else if (prefixLength < 31) {
    const last = value | ((1n << BigInt(32 - prefixLength)) - 1n);
    parts.push(attribute(IFA_BROADCAST, ipBytes({ family, value: last })));
  }
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | (options.replace ? NLM_F_REPLACE : NLM_F_EXCL),
    body: Buffer.concat([addressMessage(familyOf({ family }), link, prefixLength), ...parts]),
    call: 'RTM_NEWADDR',
    about: `${address}/${prefixLength}`,
  };
}

/** A request to take an address away; EADDRNOTAVAIL when it is not there. */
export function removeAddress({ link, address, prefixLength }: InterfaceAddress): Request {
  const ip = parseIpAddress(address);
  return {
    type: RTM_DELADDR,
    body: Buffer.concat([
      addressMessage(familyOf(ip), link, prefixLength),
      attribute(IFA_LOCAL, ipBytes(ip)),
      attribute(IFA_ADDRESS, ipBytes(ip)),
    ]),
    call: 'RTM_DELADDR',
    about: `${address}/${prefixLength}`,
  };
}

/** Addresses of both families of one interface (by index), or of all. */
export function listAddresses(socket: RouteSocket, link = 0): InterfaceAddress[] {
  const request = { type: RTM_GETADDR, body: addressMessage(0, link, 0), call: 'RTM_GETADDR' };
  return socket.dump(request).flatMap(({ body }) => {
    const attributes = decodeAttributes(body.subarray(messageBytes));
    const address = ipTextOf(attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS));
    if (address === undefined) return [];
    return [{ link: body.readUInt32LE(4), address, prefixLength: body.readUInt8(1) }];
  });
}

/** struct ifaddrmsg: family, length of the prefix, flags, scope, index. */
function addressMessage(family: number, link: number, prefixLength: number): Buffer {
  const bytes = Buffer.alloc(messageBytes);
  bytes.writeUInt8(family, 0);
  bytes.writeUInt8(prefixLength, 1);
  bytes.writeUInt32LE(link, 4);
  return bytes;
}
