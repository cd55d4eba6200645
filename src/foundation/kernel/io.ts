import { declare, EAGAIN, EINTR, fail, lastErrno } from './libc.ts';

const c = {
  read: declare<[number, Uint8Array, number]>('read', 'int64', ['int', 'void*', 'size_t']),
  fcntl: declare<[number, number, number]>('fcntl', 'int', ['int', 'int', 'int64']),
};
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/** read(2) of a non-blocking descriptor: the number of bytes, 0 at the end, `undefined` when nothing is there now. */
export function readAvailable(fd: number, buffer: Uint8Array): number | undefined {
  for (;;) {
    const count = c.read(fd, buffer, buffer.length);
    if (count >= 0) return count;
    const errno = lastErrno();
    if (errno === EAGAIN) return undefined;
    if (errno !== EINTR) return fail(errno, 'read');
  }
}

/** fcntl(2) `F_SETFL`: switches `O_NONBLOCK` of the open file (shared with every duplicate of the descriptor). */
export function setNonBlocking(fd: number, wanted: 'non-blocking' | 'blocking'): void {
  const flags = c.fcntl(fd, F_GETFL, 0);
  if (flags < 0) fail(lastErrno(), 'fcntl');
  const changed = wanted === 'non-blocking' ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (changed !== flags && c.fcntl(fd, F_SETFL, changed) < 0) fail(lastErrno(), 'fcntl');
}
