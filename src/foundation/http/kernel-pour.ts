import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { drained } from '../base/drained.ts';
import { closeDescriptor } from '../kernel/at.ts';
import { isErrno } from '../kernel/syscall-error.ts';
import { duplicateConnection, sendFileAvailable } from '../kernel/tcp-connection.ts';
import type { FilePart } from './http.ts';
import { noteMoved } from './idle.ts';
import { pourFile, shrunk } from './pour-file.ts';

/** Below this size looking for the connection's descriptor costs more than it saves. */
const worthBytes = 512 * 1024;
/** What goes by the server's own way, in front of what the kernel takes by itself. */
const pieceBytes = 16 * 1024;
/** One call's share, so that no thread of the pool serves one client for long. */
const callBytes = 8 * 1024 * 1024;
/** Turns of the event loop in which what was written must have left. */
const patienceTurns = 4;

/** Where a connection's descriptor was found; it stays that of the connection until this closes. */
const descriptors = new WeakMap<Socket, number>();

/**
 * Whether the client is another machine. To one on this machine sendfile(2) saves nothing: nobody copies but the client, out of cold memory, while bytes that
 * were just written are in the processor's cache. Measured on loopback: a third of the server's time, three times the client's, half the throughput.
 */
export function isAway({ remoteAddress, localAddress }: Socket): boolean {
  return remoteAddress !== localAddress && !/^(::ffff:)?127\.|^::1$/.test(remoteAddress ?? '');
}

/**
 * As `pourFile`, but the bytes do not pass through the program: sendfile(2) takes what there is room for. When there is none, a small piece goes out through
 * the server, which waits for room as for any answer; so only the kernel's part is done past it, and only while it holds nothing back. Plain TCP only.
 */
export async function pourByKernel(
  request: IncomingMessage,
  response: ServerResponse,
  part: FilePart,
): Promise<number> {
  if (part.end - part.start < worthBytes) return pourFile(response, part);
  const fd = duplicate(request.socket);
  if (fd === undefined) return pourFile(response, part);
  try {
    return await alternate(request.socket, response, { ...part, fd });
  } finally {
    closeDescriptor(fd);
  }
}

function duplicate(socket: Socket): number | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  const ends = { localAddress, localPort, remoteAddress, remotePort };
  const found = duplicateConnection(ends, descriptors.get(socket));
  if (found !== undefined) descriptors.set(socket, found.original);
  return found?.fd;
}

async function alternate(
  socket: Socket,
  response: ServerResponse,
  { fd, file, start, end }: FilePart & { fd: number },
): Promise<number> {
  const piece = Buffer.allocUnsafeSlow(pieceBytes);
  let position = start;
  while (position < end && !response.destroyed) {
    const { bytesRead } = await file.read(piece, 0, Math.min(pieceBytes, end - position), position);
    if (bytesRead === 0) throw shrunk(response);
    if (!response.write(piece.subarray(0, bytesRead))) await drained(response);
    const state = await emptied(response);
    if (state === 'left') break;
    position += bytesRead;
    const rest = async (): Promise<number> =>
      position - start + (await pourFile(response, { file, start: position, end }));
    // Something else waits in front of it (an earlier answer on the same connection): nothing may pass that by.
    if (state === 'held') return rest();
    for (let room = true; room && position < end && !response.destroyed;) {
      const bytes = Math.min(callBytes, end - position);
      const sent = await sendOrLeave(response, fd, { fileFd: file.fd, position, bytes });
      if (sent === 'unable') return rest();
      if (sent === 0) throw shrunk(response);
      room = sent !== undefined;
      position += sent ?? 0;
      noteMoved(socket, sent ?? 0);
    }
  }
  return position - start;
}

/** A connection that broke is the client's affair. `unable` when the kernel cannot send this file so (a file system without splice(2)): it took nothing. */
async function sendOrLeave(
  response: ServerResponse,
  fd: number,
  part: { fileFd: number; position: number; bytes: number },
): Promise<number | 'unable' | undefined> {
  try {
    return await sendFileAvailable(fd, part);
  } catch (error) {
    if (isErrno(error, 'EINVAL', 'EOPNOTSUPP', 'ENOSYS')) return 'unable';
    if (!isErrno(error, 'EPIPE', 'ECONNRESET', 'ETIMEDOUT', 'ENOTCONN')) throw error;
    response.destroy();
    return undefined;
  }
}

/** Whether all that was written is with the kernel. */
async function emptied(response: ServerResponse): Promise<'empty' | 'held' | 'left'> {
  for (let turn = 0; turn < patienceTurns; turn++) {
    // What one turn of the loop writes may leave at its end.
    await new Promise((resolve) => setImmediate(resolve));
    if (response.destroyed) return 'left';
    if (response.writableLength === 0) return 'empty';
  }
  return 'held';
}
