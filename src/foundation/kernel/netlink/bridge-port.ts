import { attributeNested, attributeU8, type Request } from './message.ts';

const RTM_SETLINK = 19;
const AF_BRIDGE = 7;
const IFLA_PROTINFO = 12;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;

/** A request that lets a member of a bridge (by index) get back frames that it sent itself (`bridge link set dev NAME hairpin on`). */
export function setHairpin(link: number, on: boolean): Request {
  return setPort(link, IFLA_BRPORT_MODE, on, 'hairpin');
}

/** A request that keeps a member from the other isolated ones (`bridge link set dev NAME isolated on`). */
export function setIsolated(link: number, on: boolean): Request {
  return setPort(link, IFLA_BRPORT_ISOLATED, on, 'isolation');
}

function setPort(link: number, attributeType: number, on: boolean, what: string): Request {
  const info = Buffer.alloc(16);
  info.writeUInt8(AF_BRIDGE, 0);
  info.writeInt32LE(link, 4);
  const mode = attributeNested(IFLA_PROTINFO, [attributeU8(attributeType, on ? 1 : 0)]);
  return {
    type: RTM_SETLINK,
    body: Buffer.concat([info, mode]),
    call: 'RTM_SETLINK',
    about: `${what} of ${link}`,
  };
}
