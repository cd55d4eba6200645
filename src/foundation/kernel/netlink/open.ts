import { check, declare } from '../libc.ts';

const c = {
  socket: declare<[number, number, number]>('socket', 'int', ['int', 'int', 'int']),
  setsockopt: declare<[number, number, number, Int32Array, number]>('setsockopt', 'int', [
    'int',
    'int',
    'int',
    'void*',
    'uint32',
  ]),
};
export const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;

/** A socket of netlink(7) in the present network namespace; close it with `closeDescriptor`. */
export const openSocket = (protocol: number): number =>
  check(c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), 'socket');

/** Sets what a kernel may lack or refuse: then the socket works without it. */
export function tryOption(fd: number, level: number, option: number, value: number): void {
  c.setsockopt(fd, level, option, Int32Array.of(value), 4);
}
