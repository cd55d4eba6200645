import { closeDescriptor, openat } from './at.ts';
import { AT_FDCWD, O_PATH } from './flags.ts';
import { check, declare, EINTR, fail, lastErrno, stableBytes } from './libc.ts';

const c = {
  socket: declare<[number, number, number]>('socket', 'int', ['int', 'int', 'int']),
  connect: declare<[number, Uint8Array, number]>('connect', 'int', ['int', 'void*', 'uint32']),
  send: declare<[number, Uint8Array, number, number]>('send', 'int64', ['int', 'void*', 'size_t', 'int']),
  recv: declare<[number, Uint8Array, number, number]>('recv', 'int64', ['int', 'void*', 'size_t', 'int']),
  getsockopt: declare<[number, number, number, Uint8Array, Uint8Array]>('getsockopt', 'int', [
    'int',
    'int',
    'int',
    'void*',
    'void*',
  ]),
  setsockopt: declare<[number, number, number, Uint8Array, number]>('setsockopt', 'int', [
    'int',
    'int',
    'int',
    'void*',
    'uint32',
  ]),
};
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 0o2000001;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;
const pieceBytes = 16_384;

/** Who listens at a socket, and what it said. */
export interface PeerAnswer {
  /** Of the process that called listen(2), as this one sees it: 0 when it is in no process namespace of ours. */
  pid: number;
  bytes: Buffer;
}

/**
 * Connects to the stream socket at `path`, of any length, says one thing and reads until the other side closes or `mostBytes` came. Process and answer
 * are of the same connection (unix(7), `SO_PEERCRED`). Waits on the thread pool; EAGAIN when a wait takes longer than `seconds`.
 */
export async function askPeer(
  path: string,
  { request, mostBytes, seconds }: { request: Uint8Array; mostBytes: number; seconds: number },
): Promise<PeerAnswer> {
  using undo = new DisposableStack();
  const fd = check(c.socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0), 'socket');
  undo.defer(() => closeDescriptor(fd));
  const patience = stableBytes(16);
  patience.writeBigInt64LE(BigInt(seconds));
  for (const option of [SO_RCVTIMEO, SO_SNDTIMEO])
    check(c.setsockopt(fd, SOL_SOCKET, option, patience, patience.length), 'setsockopt');
  const place = openat(AT_FDCWD, path, O_PATH);
  undo.defer(() => closeDescriptor(place));
  const address = stableBytes(110);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(`/proc/self/fd/${place}`, 2);
  const connected = await c.connect.async(fd, address, address.length);
  if (connected.result < 0) fail(connected.errno, 'connect', path);
  const pid = peerOf(fd);
  const said = stableBytes(request.length);
  said.set(request);
  const sent = await c.send.async(fd, said, said.length, MSG_NOSIGNAL);
  if (sent.result < 0) fail(sent.errno, 'send', path);
  return { pid, bytes: await readAll(fd, path, { mostBytes, untilMs: Date.now() + seconds * 1000 }) };
}

/** struct ucred: process, user, group. */
function peerOf(fd: number): number {
  const credentials = stableBytes(12);
  const length = stableBytes(4);
  length.writeUInt32LE(credentials.length);
  if (c.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) < 0) fail(lastErrno(), 'getsockopt');
  return credentials.readInt32LE(0);
}

async function readAll(
  fd: number,
  path: string,
  { mostBytes, untilMs }: { mostBytes: number; untilMs: number },
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const piece = stableBytes(pieceBytes);
  for (let count = 0; count < mostBytes && Date.now() < untilMs;) {
    const { result, errno } = await c.recv.async(fd, piece, piece.length, 0);
    if (result < 0 && errno === EINTR) continue;
    if (result < 0) fail(errno, 'recv', path);
    if (result === 0) break;
    pieces.push(Buffer.from(piece.subarray(0, result)));
    count += result;
  }
  return Buffer.concat(pieces).subarray(0, mostBytes);
}
