import { check, declare, stableBytes } from '../libc.ts';

const c = {
  socket: declare<[number, number, number]>('socket', 'int', ['int', 'int', 'int']),
  bind: declare<[number, Uint8Array, number]>('bind', 'int', ['int', 'void*', 'uint32']),
  getsockname: declare<[number, Uint8Array, Uint8Array]>('getsockname', 'int', ['int', 'void*', 'void*']),
  setsockopt: declare<[number, number, number, Int32Array, number]>('setsockopt', 'int', [
    'int',
    'int',
    'int',
    'void*',
    'uint32',
  ]),
};
export const AF_NETLINK = 16;
const addressBytes = 12;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;

/** A socket of netlink(7) in the present network namespace; close it with `closeDescriptor`. */
export const openSocket = (protocol: number): number =>
  check(c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), 'socket');

/** Sets what a kernel may lack or refuse: then the socket works without it. */
export function tryOption(fd: number, level: number, option: number, value: number): void {
  c.setsockopt(fd, level, option, Int32Array.of(value), 4);
}

/** Gives the socket its number, by which the kernel tells others who wrote something (`Message.port`); once, before it is used. */
export function choosePort(fd: number): number {
  const address = stableBytes(addressBytes);
  address.writeUInt16LE(AF_NETLINK, 0);
  check(c.bind(fd, address, addressBytes), 'bind');
  const length = stableBytes(4);
  length.writeUInt32LE(addressBytes);
  check(c.getsockname(fd, address, length), 'getsockname');
  return address.readUInt32LE(4);
}
