import { readdirSync } from 'node:fs';
import { findIpAddress } from '../base/ip-address.ts';
import { check, declare, EAGAIN, EINTR, fail, stableBytes } from './libc.ts';
import { errnoNameOf } from './syscall-error.ts';

const c = {
  getpeername: declare<[number, Uint8Array, Uint8Array]>('getpeername', 'int', ['int', 'void*', 'void*']),
  getsockname: declare<[number, Uint8Array, Uint8Array]>('getsockname', 'int', ['int', 'void*', 'void*']),
  fcntl: declare<[number, number, number]>('fcntl', 'int', ['int', 'int', 'int64']),
  sendfile: declare<[number, number, Uint8Array, number]>('sendfile', 'int64', [
    'int',
    'int',
    'void*',
    'size_t',
  ]),
};
const F_DUPFD_CLOEXEC = 1030;
const AF_INET = 2;
const AF_INET6 = 10;
/** struct sockaddr_in6, the larger of the two. */
const addressBytes = 28;
/** A process with more open files is not searched: each costs about a microsecond, in which nothing else happens. */
const searchedAtMost = 4096;

/** By what a server knows a connection of its own. */
export interface ConnectionEnds {
  localAddress: string;
  localPort: number;
  remoteAddress: string;
  remotePort: number;
}

/**
 * A duplicate of this process's descriptor of a TCP connection, for a server whose runtime keeps the descriptor to itself; close-on-exec, and the
 * caller's to close. `hint` is looked at first. Undefined when none is found (closed meanwhile, or among too many), when several have these ends (zones of
 * link-local addresses are not told apart), and when the process has no descriptor left.
 */
export function duplicateConnection(
  ends: ConnectionEnds,
  hint?: number,
): { fd: number; original: number } | undefined {
  try {
    return findConnection(ends, hint);
  } catch (error) {
    if (['EMFILE', 'ENFILE'].includes(errnoNameOf(error) ?? '')) return undefined;
    throw error;
  }
}

function findConnection(
  ends: ConnectionEnds,
  hint: number | undefined,
): { fd: number; original: number } | undefined {
  const isWanted = createMatcher(ends);
  const duplicate = (original: number): { fd: number; original: number } => ({
    original,
    fd: check(c.fcntl(original, F_DUPFD_CLOEXEC, 0), 'fcntl'),
  });
  if (hint !== undefined && isWanted(hint)) return duplicate(hint);
  const names = readdirSync('/proc/self/fd');
  if (names.length > searchedAtMost) return undefined;
  // Nothing is awaited between the look and the duplicate: the number means the same to both.
  const [found, another] = names.map(Number).filter(isWanted);
  return found === undefined || another !== undefined ? undefined : duplicate(found);
}

function createMatcher(ends: ConnectionEnds): (fd: number) => boolean {
  const { localPort, remotePort } = ends;
  const [local, remote] = [addressKey(ends.localAddress), addressKey(ends.remoteAddress)];
  const name = stableBytes(addressBytes);
  const length = stableBytes(4);
  const ask = (call: typeof c.getpeername, fd: number): boolean => {
    length.writeUInt32LE(addressBytes);
    if (call(fd, name, length) < 0) return false;
    const family = name.readUInt16LE(0);
    return family === AF_INET || family === AF_INET6;
  };
  const is = (port: number, address: bigint | undefined): boolean =>
    name.readUInt16BE(2) === port && address !== undefined && keyOfName(name) === address;
  return (fd) =>
    ask(c.getpeername, fd) && is(remotePort, remote) && ask(c.getsockname, fd) && is(localPort, local);
}

/** The address as a number, an IPv4 one in either notation as the same. */
function addressKey(text: string): bigint | undefined {
  const address = findIpAddress(text.replace(/%.*$/, ''));
  return address && (address.family === 4 ? mapped | address.value : address.value);
}

/** RFC 4291, 2.5.5.2: `::ffff:0:0/96`. */
const mapped = 0xffffn << 32n;

function keyOfName(name: Buffer): bigint {
  if (name.readUInt16LE(0) === AF_INET) return mapped | BigInt(name.readUInt32BE(4));
  return (name.readBigUInt64BE(8) << 64n) | name.readBigUInt64BE(16);
}

/**
 * sendfile(2) to a non-blocking socket, on the thread pool as it may wait for the disk: the number of bytes that the kernel took, 0 at the end of the
 * file, undefined when there is no room now.
 */
export async function sendFileAvailable(
  socketFd: number,
  { fileFd, position, bytes }: { fileFd: number; position: number; bytes: number },
): Promise<number | undefined> {
  const offset = stableBytes(8);
  offset.writeBigInt64LE(BigInt(position));
  for (;;) {
    const { result, errno } = await c.sendfile.async(socketFd, fileFd, offset, bytes);
    if (result >= 0) return result;
    if (errno === EAGAIN) return undefined;
    if (errno !== EINTR) return fail(errno, 'sendfile');
  }
}
