import { attribute, attributeU32, type Request } from './message.ts';
import { createLink, type NamespaceRef, type NewLink } from './links.ts';

/** Interfaces that share another one: macvlan, ipvlan, vlan (ip-link(8)), and `dummy`, which leads nowhere. */
export type Sublink =
  | { kind: 'macvlan'; parent: number; mode: number }
  | { kind: 'ipvlan'; parent: number; mode: number; flags: number }
  | { kind: 'vlan'; parent: number; id: number }
  | { kind: 'dummy' };

const IFLA_LINK = 5;
const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IFLA_VLAN_ID = 1;

/** A request to create it; with `namespace` it appears there, its parent stays here. EEXIST when the name is taken. */
export function createSublink(settings: NewLink, link: Sublink, namespace?: NamespaceRef): Request {
  const parent = link.kind === 'dummy' ? [] : [attributeU32(IFLA_LINK, link.parent)];
  return createLink(settings, link.kind, {
    data: dataOf(link),
    attributes: parent,
    ...(namespace ? { namespace } : {}),
  });
}

function dataOf(link: Sublink): Buffer[] {
  switch (link.kind) {
    case 'macvlan':
      return [attributeU32(IFLA_MACVLAN_MODE, link.mode)];
    case 'ipvlan':
      return [attributeU16(IFLA_IPVLAN_MODE, link.mode), attributeU16(IFLA_IPVLAN_FLAGS, link.flags)];
    case 'vlan':
      return [attributeU16(IFLA_VLAN_ID, link.id)];
    case 'dummy':
      return [];
  }
}

function attributeU16(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return attribute(type, bytes);
}
