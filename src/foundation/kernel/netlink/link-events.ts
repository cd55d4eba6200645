import type { Reactor } from '../reactor.ts';
import { decodeAttributes, decodeMessages, textOf } from './message.ts';
import { watchNetlink, type NetlinkMonitor } from './monitor.ts';

const NETLINK_ROUTE = 0;
const RTNLGRP_LINK = 1;
const RTM_DELLINK = 17;
const IFLA_IFNAME = 3;
/** struct ifinfomsg; its first byte is the family. */
const infoBytes = 16;
/** A port that leaves its bridge is told as a link that goes, too. */
const AF_BRIDGE = 7;

/** Names of the interfaces that go from this network namespace (rtnetlink(7)); undefined: reports were lost, any may have gone. */
export function watchLostLinks(
  reactor: Reactor,
  callback: (name: string | undefined) => void,
): NetlinkMonitor {
  return watchNetlink(reactor, { protocol: NETLINK_ROUTE, group: RTNLGRP_LINK }, (packet) => {
    if (!packet) return callback(undefined);
    for (const { type, body } of decodeMessages(packet)) {
      if (type !== RTM_DELLINK || body[0] === AF_BRIDGE) continue;
      const name = textOf(decodeAttributes(body.subarray(infoBytes)).get(IFLA_IFNAME));
      if (name !== undefined) callback(name);
    }
  });
}
