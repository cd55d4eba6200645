import { isErrno } from '../syscall-error.ts';
import {
  attribute,
  attributeNested,
  attributeText,
  attributeU32,
  attributeU8,
  decodeAttributes,
  macBytes,
  macOf,
  NLM_F_CREATE,
  NLM_F_EXCL,
  textOf,
  u32Of,
  type Message,
  type Request,
} from './message.ts';
import type { RouteSocket } from './socket.ts';

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_PID = 19;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_BR_MCAST_SNOOPING = 23;
const VETH_INFO_PEER = 1;
const IFF_UP = 1;
const infoBytes = 16;

/** A network interface, by name or (once known) by index. */
export type LinkRef = string | number;

export interface LinkInfo {
  index: number;
  name: string;
  /** `bridge`, `veth`, …; absent for physical and loopback interfaces. */
  kind: string | undefined;
  up: boolean;
  mtu: number;
  address: string | undefined;
  /** Index of the bridge that it belongs to. */
  master: number | undefined;
  alias: string | undefined;
}

/** What an interface can be given when it is created. */
export interface NewLink {
  name: string;
  up?: boolean;
  /** Index of the bridge to join. */
  master?: number;
  mtu?: number;
  /** `02:42:…` */
  address?: string;
}

export type LinkSettings = Partial<NewLink> & {
  /**
   * A text for people and for finding our interfaces again (`ip link` shows it), at most 255 bytes. The kernel does not take it at
   * creation: send `changeLink(name, { alias })` in the same packet.
   */
  alias?: string;
};

/** Where an interface appears: the network namespace of a process or of a descriptor. */
export type NamespaceRef = { pid: number } | { fd: number };

export interface VethPair {
  /** Our end. */
  host: NewLink;
  /** The other end, made directly in its namespace: nobody ever sees it here. It can be set up only once the pair is whole. */
  peer: Omit<NewLink, 'master' | 'up'>;
  namespace: NamespaceRef;
}

/** A request to create a bridge (`ip link add NAME type bridge`); EEXIST when the name is taken. */
export function createBridge(settings: NewLink & { multicastSnooping?: boolean }): Request {
  const { multicastSnooping, ...link } = settings;
  const data =
    multicastSnooping === undefined ? [] : [attributeU8(IFLA_BR_MCAST_SNOOPING, multicastSnooping ? 1 : 0)];
  return createLink(link, 'bridge', { data });
}

/** A request to create a veth(4) pair with everything set at once; EEXIST when a name is taken on its side. */
export function createVeth({ host, peer, namespace }: VethPair): Request {
  // struct ifinfomsg of the peer, then its attributes.
  const other = attributeNested(VETH_INFO_PEER, [
    linkInfo(0, peer),
    ...settingAttributes(peer),
    placeIn(namespace),
  ]);
  return createLink(host, 'veth', { data: [other] });
}

/** A request to change an interface; with a name as reference, `settings.name` does not rename. */
export function changeLink(link: LinkRef, settings: LinkSettings): Request {
  const index = typeof link === 'number' ? link : 0;
  const named = typeof link === 'number' ? settings : { ...settings, name: link };
  return {
    type: RTM_NEWLINK,
    body: Buffer.concat([linkInfo(index, settings), ...settingAttributes(named)]),
    call: 'RTM_NEWLINK',
    about: String(link),
  };
}

/** A request to delete an interface. Deleting a veth takes 16 to 24 ms in the kernel: use `deleteLinks` where others wait. */
export function deleteLink(link: LinkRef): Request {
  const name = typeof link === 'string' ? [attributeText(IFLA_IFNAME, link)] : [];
  return {
    type: RTM_DELLINK,
    body: Buffer.concat([linkInfo(typeof link === 'number' ? link : 0, {}), ...name]),
    call: 'RTM_DELLINK',
    about: String(link),
  };
}

/** Deletes on the thread pool; interfaces that are not there (any more) are fine. */
export async function deleteLinks(socket: RouteSocket, links: readonly LinkRef[]): Promise<void> {
  for (const link of links) {
    try {
      await socket.executeAsync([deleteLink(link)]);
    } catch (error) {
      if (!isErrno(error, 'ENODEV')) throw error;
    }
  }
}

/** `undefined` when there is none of this name or index in the socket's namespace. */
export function findLink(socket: RouteSocket, link: LinkRef): LinkInfo | undefined {
  const name = typeof link === 'string' ? [attributeText(IFLA_IFNAME, link)] : [];
  const body = Buffer.concat([linkInfo(typeof link === 'number' ? link : 0, {}), ...name]);
  try {
    return toLinkInfo(socket.ask({ type: RTM_GETLINK, body, call: 'RTM_GETLINK', about: String(link) }));
  } catch (error) {
    if (isErrno(error, 'ENODEV')) return undefined;
    throw error;
  }
}

export function listLinks(socket: RouteSocket): LinkInfo[] {
  const request = { type: RTM_GETLINK, body: linkInfo(0, {}), call: 'RTM_GETLINK' };
  return socket.dump(request).map(toLinkInfo);
}

function placeIn(namespace: NamespaceRef): Buffer {
  return 'pid' in namespace
    ? attributeU32(IFLA_NET_NS_PID, namespace.pid)
    : attributeU32(IFLA_NET_NS_FD, namespace.fd);
}

/** A request to create an interface of a kind (`IFLA_INFO_KIND`) with the data of that kind. */
export function createLink(
  settings: NewLink,
  kind: string,
  more: { data: readonly Buffer[]; attributes?: readonly Buffer[]; namespace?: NamespaceRef },
): Request {
  const { data, attributes = [], namespace } = more;
  const info = [attributeText(IFLA_INFO_KIND, kind)];
  if (data.length > 0) info.push(attributeNested(IFLA_INFO_DATA, data));
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([
      linkInfo(0, settings),
      ...settingAttributes(settings),
      ...attributes,
      ...(namespace ? [placeIn(namespace)] : []),
      attributeNested(IFLA_LINKINFO, info),
    ]),
    call: `RTM_NEWLINK ${kind}`,
    about: settings.name,
  };
}

/** struct ifinfomsg: family, type, index, flags, mask of the flags that change. */
function linkInfo(index: number, settings: LinkSettings): Buffer {
  const bytes = Buffer.alloc(infoBytes);
  bytes.writeInt32LE(index, 4);
  bytes.writeUInt32LE(settings.up ? IFF_UP : 0, 8);
  bytes.writeUInt32LE(settings.up === undefined ? 0 : IFF_UP, 12);
  return bytes;
}

function settingAttributes(settings: LinkSettings): Buffer[] {
  const { name, master, mtu, address, alias } = settings;
  const parts: Buffer[] = [];
  if (name !== undefined) parts.push(attributeText(IFLA_IFNAME, name));
  if (address !== undefined) parts.push(attribute(IFLA_ADDRESS, macBytes(address)));
  if (mtu !== undefined) parts.push(attributeU32(IFLA_MTU, mtu));
  if (master !== undefined) parts.push(attributeU32(IFLA_MASTER, master));
  if (alias !== undefined) parts.push(attribute(IFLA_IFALIAS, Buffer.from(alias)));
  return parts;
}

function toLinkInfo({ body }: Message): LinkInfo {
  const attributes = decodeAttributes(body.subarray(infoBytes));
  const info = attributes.get(IFLA_LINKINFO);
  return {
    index: body.readInt32LE(4),
    name: textOf(attributes.get(IFLA_IFNAME)) ?? '',
    kind: info && textOf(decodeAttributes(info).get(IFLA_INFO_KIND)),
    up: (body.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: u32Of(attributes.get(IFLA_MTU)) ?? 0,
    address: macOf(attributes.get(IFLA_ADDRESS)),
    master: u32Of(attributes.get(IFLA_MASTER)),
    alias: textOf(attributes.get(IFLA_IFALIAS)),
  };
}
