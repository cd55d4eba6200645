import { invalid } from '../../base/errors.ts';
import { parseIpAddress, parseIpSubnet } from '../../base/ip-address.ts';
import {
  AF_INET,
  AF_INET6,
  attribute,
  attributeU32,
  decodeAttributes,
  familyOf,
  ipBytes,
  ipTextOf,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  u32Of,
  type Message,
  type Request,
} from './message.ts';
import type { RouteSocket } from './socket.ts';

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const messageBytes = 12;

export interface Route {
  /** CIDR (`0.0.0.0/0` and `::/0` are the default routes). */
  destination: string;
  gateway?: string;
  /** Index of the interface; found through the gateway when absent. */
  link?: number;
  metric?: number;
}

/** A request to add a route to the main table; EEXIST when it is there, unless `replace`. */
export function addRoute(route: Route, options: { replace?: boolean } = {}): Request {
  const flags = NLM_F_CREATE | (options.replace ? NLM_F_REPLACE : NLM_F_EXCL);
  return { type: RTM_NEWROUTE, flags, ...routeRequest(route, staticKind(route)), call: 'RTM_NEWROUTE' };
}

/** A request to add the default route of the gateway's family. */
export function addDefaultRoute(gateway: string, link: number): Request {
  const destination = parseIpAddress(gateway).family === 4 ? '0.0.0.0/0' : '::/0';
  return addRoute({ destination, gateway, link });
}

/** A request to delete a route; ESRCH when it is not there. */
export function removeRoute(route: Route): Request {
  return { type: RTM_DELROUTE, ...routeRequest(route, anyKind), call: 'RTM_DELROUTE' };
}

/** Unicast routes of the main table, both families. */
export function listRoutes(socket: RouteSocket): Route[] {
  return [AF_INET, AF_INET6].flatMap((family) => {
    const body = routeMessage(family, 0, { scope: 0, table: 0, protocol: 0, type: 0 });
    return socket.dump({ type: RTM_GETROUTE, body, call: 'RTM_GETROUTE' }).flatMap(toRoute);
  });
}

function routeRequest(route: Route, kind: RouteKind): { body: Buffer; about: string } {
  const subnet = parseIpSubnet(route.destination);
  const gateway = route.gateway === undefined ? undefined : parseIpAddress(route.gateway);
  if (gateway && gateway.family !== subnet.family)
    throw invalid(`gateway ${route.gateway} is not of the family of ${route.destination}`);
  const parts: Buffer[] = [];
  if (subnet.prefixLength > 0)
    parts.push(attribute(RTA_DST, ipBytes({ family: subnet.family, value: subnet.base })));
  if (gateway) parts.push(attribute(RTA_GATEWAY, ipBytes(gateway)));
  if (route.link !== undefined) parts.push(attributeU32(RTA_OIF, route.link));
  if (route.metric !== undefined) parts.push(attributeU32(RTA_PRIORITY, route.metric));
  return {
    body: Buffer.concat([routeMessage(familyOf(subnet), subnet.prefixLength, kind), ...parts]),
    about: route.destination,
  };
}

interface RouteKind {
  scope: number;
  table: number;
  protocol: number;
  type: number;
}

/** Matches whatever its scope, protocol and type are. */
const anyKind: RouteKind = { scope: RT_SCOPE_NOWHERE, table: RT_TABLE_MAIN, protocol: 0, type: 0 };

function staticKind(route: Route): RouteKind {
  const onLink = route.gateway === undefined && parseIpSubnet(route.destination).family === 4;
  return {
    scope: onLink ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
    table: RT_TABLE_MAIN,
    protocol: RTPROT_STATIC,
    type: RTN_UNICAST,
  };
}

/** struct rtmsg: family, length of destination, of source, tos, table, protocol, scope, type, flags. */
function routeMessage(family: number, prefixLength: number, kind: RouteKind): Buffer {
  const bytes = Buffer.alloc(messageBytes);
  bytes.set([family, prefixLength, 0, 0, kind.table, kind.protocol, kind.scope, kind.type]);
  return bytes;
}

function toRoute({ body }: Message): Route[] {
  const attributes = decodeAttributes(body.subarray(messageBytes));
  const table = u32Of(attributes.get(RTA_TABLE)) ?? body.readUInt8(4);
  if (table !== RT_TABLE_MAIN || body.readUInt8(7) !== RTN_UNICAST) return [];
  const any = body.readUInt8(0) === AF_INET ? '0.0.0.0' : '::';
  const gateway = ipTextOf(attributes.get(RTA_GATEWAY));
  const link = u32Of(attributes.get(RTA_OIF));
  const metric = u32Of(attributes.get(RTA_PRIORITY));
  return [
    {
      destination: `${ipTextOf(attributes.get(RTA_DST)) ?? any}/${body.readUInt8(1)}`,
      ...(gateway === undefined ? {} : { gateway }),
      ...(link === undefined ? {} : { link }),
      ...(metric === undefined ? {} : { metric }),
    },
  ];
}
