import { invalid, unsupported } from '../../foundation/base/errors.ts';
import { isErrno } from '../../foundation/kernel/syscall-error.ts';
import { changeLink, createBridge, deleteLinks, findLink } from '../../foundation/kernel/netlink/links.ts';
import { createSublink, type Sublink } from '../../foundation/kernel/netlink/sublinks.ts';
import type { RouteSocket } from '../../foundation/kernel/netlink/socket.ts';
import { readIpvlanOptions, readMacvlanOptions, type SublinkOptions } from './driver-options.ts';
import type { KernelNames } from './names.ts';
import type { Endpoint, NetworkInfo } from './network.ts';

/**
 * Networks that share an interface of the host (macvlan, ipvlan): containers are neighbours of the host's neighbours. No bridge, no rules, no ports
 * of the host; the host itself does not reach them, which is how these drivers are.
 */

/** Index of the network's parent, made when it is one of ours: a VLAN `eth0.10` of an interface, or with no parent one that leads nowhere. */
export function ensureParent(socket: RouteSocket, network: NetworkInfo, names: KernelNames): number {
  const { parent } = optionsOf(network);
  const name = parent ?? dummyName(network);
  const existing = findLink(socket, name);
  if (existing) return existing.index;
  makeParent(socket, name, parent);
  socket.execute([changeLink(name, { alias: aliasOf(network, names), up: true })]);
  const made = findLink(socket, name);
  if (!made) throw noParent(name);
  return made.index;
}

function makeParent(socket: RouteSocket, name: string, parent: string | undefined): void {
  try {
    socket.execute([createSublink({ name }, toMake(socket, name, parent))]);
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP')) throw error;
    if (parent !== undefined) throw kernelLacks('VLAN interfaces', error);
    // A kernel without dummies: a bridge without members leads nowhere just as well.
    socket.execute([createBridge({ name })]);
  }
}

/** For EOPNOTSUPP, "Unknown device type". */
export function kernelLacks(what: string, cause: unknown): Error {
  return unsupported(`the kernel of this host has no ${what}`, {
    code: 'no-such-interface-kind',
    hint: 'load the module, or use a bridge network',
    cause,
  });
}

/** A request to make the endpoint's interface inside. */
export function createInside(
  endpoint: Endpoint,
  network: NetworkInfo,
  place: { parent: number; namespaceFd: number },
): ReturnType<typeof createSublink> {
  const { mode, flags, mtu } = optionsOf(network);
  const { parent } = place;
  const isMacvlan = network.driver === 'macvlan';
  return createSublink(
    {
      name: endpoint.interfaceName,
      // Interfaces of an ipvlan have the address of their parent.
      ...(isMacvlan ? { address: endpoint.macAddress } : {}),
      ...(mtu === undefined ? {} : { mtu }),
    },
    isMacvlan ? { kind: 'macvlan', parent, mode } : { kind: 'ipvlan', parent, mode, flags },
    { fd: place.namespaceFd },
  );
}

/** Deletes the parent if it is ours. */
export async function removeParent(
  socket: RouteSocket,
  network: NetworkInfo,
  names: KernelNames,
): Promise<void> {
  const link = findLink(socket, optionsOf(network).parent ?? dummyName(network));
  if (link?.alias === aliasOf(network, names)) await deleteLinks(socket, [link.index]);
}

/** Packets of an ipvlan in mode l3 are routed by the host: there is no gateway among neighbours. */
export function hasGateway(network: NetworkInfo): boolean {
  return !(network.driver === 'ipvlan' && readIpvlanOptions(network.options).mode > 0);
}

function optionsOf({ driver, options }: NetworkInfo): SublinkOptions {
  return driver === 'macvlan' ? readMacvlanOptions(options) : readIpvlanOptions(options);
}

function toMake(socket: RouteSocket, name: string, parent: string | undefined): Sublink {
  if (parent === undefined) return { kind: 'dummy' };
  const [, lower = '', id = ''] = /^(.+)\.(\d{1,4})$/.exec(name) ?? [];
  const link = lower === '' ? undefined : findLink(socket, lower);
  if (!link || Number(id) < 1 || Number(id) > 4094) throw noParent(name);
  return { kind: 'vlan', parent: link.index, id: Number(id) };
}

/** `-o parent=…` must be an interface of this host, or a VLAN of one, which is made when the first container comes. */
export function checkParent(name: string, exists: (name: string) => boolean): void {
  const lower = /^(.+)\.\d{1,4}$/.exec(name)?.[1];
  if (exists(name) || (lower !== undefined && exists(lower))) return;
  throw noParent(name);
}

function noParent(name: string): Error {
  return invalid(`invalid subinterface vlan name ${name}, example formatting is eth0.10`, {
    code: 'no-parent',
    hint: 'the interface is missing: `ip link` lists those of this host',
  });
}

/** As Docker names it. */
const dummyName = ({ id }: NetworkInfo): string => `dm-${id.slice(0, 12)}`;
const aliasOf = ({ id }: NetworkInfo, { instance }: KernelNames): string => `silo:${instance}:${id}`;
