import { parseIpAddress } from '../../base/ip-address.ts';
import {
  attribute,
  attributeU32,
  familyOf,
  ipBytes,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  type Request,
} from './message.ts';

const RTM_NEWROUTE = 24;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_PRIORITY = 6;
const RT_TABLE_LOCAL = 255;
const RTPROT_STATIC = 4;
const RTN_LOCAL = 2;

/**
 * A request that makes an address count as the host's own also for packets that come in through this interface (by index):
 * `ip route replace local ADDRESS dev LINK table local metric METRIC`. It goes with the interface.
 */
export function addLocalRoute(address: string, link: number, metric: number): Request {
  const ip = parseIpAddress(address);
  const head = Buffer.alloc(12);
  head.set([familyOf(ip), ip.family === 4 ? 32 : 128, 0, 0, RT_TABLE_LOCAL, RTPROT_STATIC, 0, RTN_LOCAL]);
  const parts = [
    attribute(RTA_DST, ipBytes(ip)),
    attributeU32(RTA_OIF, link),
    attributeU32(RTA_PRIORITY, metric),
  ];
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: Buffer.concat([head, ...parts]),
    call: 'RTM_NEWROUTE',
    about: `local ${address}`,
  };
}
