import { closeSync } from 'node:fs';
import { parseIpAddress } from '../base/ip-address.ts';
import { check, declare, stableBytes } from './libc.ts';
import { isErrno } from './syscall-error.ts';

const c = {
  socket: declare<[number, number, number]>('socket', 'int', ['int', 'int', 'int']),
  bind: declare<[number, Uint8Array, number]>('bind', 'int', ['int', 'void*', 'uint32']),
  listen: declare<[number, number]>('listen', 'int', ['int', 'int']),
  shutdown: declare<[number, number]>('shutdown', 'int', ['int', 'int']),
  setsockopt: declare<[number, number, number, Uint8Array, number]>('setsockopt', 'int', [
    'int',
    'int',
    'int',
    'void*',
    'uint32',
  ]),
  getsockname: declare<[number, Uint8Array, Uint8Array]>('getsockname', 'int', ['int', 'void*', 'void*']),
};

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const IPPROTO_SCTP = 132;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SHUT_RDWR = 2;

export interface PortToHold {
  protocol: 'tcp' | 'udp' | 'sctp';
  /** An IPv4 or IPv6 address in text; `0.0.0.0` and `::` hold the port on every address of their own family only. */
  address: string;
  /** With `::`: one socket holds both families, which is half the work for a range. */
  bothFamilies?: boolean;
  /** 0 lets the kernel choose a free one. */
  port: number;
}

/** A port that no other process can bind until it is disposed. */
export interface HeldPort extends Disposable {
  readonly port: number;
}

/**
 * Binds the port without listening: it is taken for everybody else, connections that reach this socket are refused at once (TCP) or
 * ignored (UDP). Throws `SyscallError` EADDRINUSE when it is taken, EADDRNOTAVAIL when the address is not of this host.
 * A kernel without SCTP sockets has nobody who could bind an SCTP port: then nothing is held, and a free choice has TCP's number.
 */
export function holdPort(request: PortToHold): HeldPort {
  const family = parseIpAddress(request.address).family === 6 ? AF_INET6 : AF_INET;
  const fd = openSocket(family, request.protocol);
  if (fd === undefined) return holdNothing(request);
  try {
    if (family === AF_INET6) setFlag(fd, IPPROTO_IPV6, IPV6_V6ONLY, request.bothFamilies ? 0 : 1);
    try {
      bind(fd, family, request);
    } catch (error) {
      if (request.protocol !== 'tcp' || request.port === 0 || !isErrno(error, 'EADDRINUSE')) throw error;
      bindOverTimeWait(fd, family, request);
    }
    const port = request.port === 0 ? boundPort(fd) : request.port;
    return { port, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openSocket(family: number, protocol: PortToHold['protocol']): number | undefined {
  const type = (protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
  try {
    return check(c.socket(family, type, protocol === 'sctp' ? IPPROTO_SCTP : 0), 'socket');
  } catch (error) {
    if (protocol === 'sctp' && isErrno(error, 'EPROTONOSUPPORT')) return undefined;
    throw error;
  }
}

function holdNothing(request: PortToHold): HeldPort {
  if (request.port === 0) return holdPort({ ...request, protocol: 'tcp' });
  return { port: request.port, [Symbol.dispose]: () => undefined };
}

/**
 * Connections of an earlier listener that linger in TIME_WAIT refuse a plain bind for a minute (tcp(7), socket(7)). SO_REUSEADDR passes
 * them, but lets later users of SO_REUSEADDR share the port as well; becoming a listener once makes the kernel ask for
 * exclusive use again, and the flag is taken back before anybody else can look.
 */
function bindOverTimeWait(fd: number, family: number, request: PortToHold): void {
  setFlag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  bind(fd, family, request);
  check(c.listen(fd, 0), 'listen');
  setFlag(fd, SOL_SOCKET, SO_REUSEADDR, 0);
  check(c.shutdown(fd, SHUT_RDWR), 'shutdown');
}

function bind(fd: number, family: number, request: PortToHold): void {
  const address = socketAddress(family, request);
  check(c.bind(fd, address, address.length), 'bind', `${request.address} port ${request.port}`);
}

function setFlag(fd: number, level: number, name: number, value: number): void {
  const flag = stableBytes(4);
  flag.writeInt32LE(value);
  check(c.setsockopt(fd, level, name, flag, 4), 'setsockopt');
}

/** `struct sockaddr_in` or `sockaddr_in6` (ip(7), ipv6(7)); both supported architectures are little-endian. */
function socketAddress(family: number, request: PortToHold): Buffer {
  const bytes = stableBytes(family === AF_INET6 ? 28 : 16);
  bytes.writeUInt16LE(family, 0);
  bytes.writeUInt16BE(request.port, 2);
  const { value } = parseIpAddress(request.address);
  const start = family === AF_INET6 ? 8 : 4;
  const size = family === AF_INET6 ? 16 : 4;
  bytes.set(Buffer.from(value.toString(16).padStart(size * 2, '0'), 'hex'), start);
  return bytes;
}

function boundPort(fd: number): number {
  const address = stableBytes(28);
  const length = stableBytes(4);
  length.writeUInt32LE(address.length);
  check(c.getsockname(fd, address, length), 'getsockname');
  return address.readUInt16BE(2);
}
