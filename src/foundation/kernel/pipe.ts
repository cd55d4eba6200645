import { closeDescriptor } from './at.ts';
import { readAvailable, setNonBlocking } from './io.ts';
import { check, declare } from './libc.ts';
import { EPOLLIN, type Reactor } from './reactor.ts';

const c = {
  pipe2: declare<[Int32Array, number]>('pipe2', 'int', ['void*', 'int']),
  socketpair: declare<[number, number, number, Int32Array]>('socketpair', 'int', [
    'int',
    'int',
    'int',
    'void*',
  ]),
};
const CLOEXEC = 0o2000000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;

/**
 * pipe2(2), both ends close-on-exec and blocking. To give an end to a child put its number into `stdio` of node:child_process `spawn`, then
 * close ours: the end of the stream is seen only when every copy of the writing end is closed.
 */
export function createPipe(): { readFd: number; writeFd: number } {
  const pair = new Int32Array(2);
  check(c.pipe2(pair, CLOEXEC), 'pipe2');
  return { readFd: pair[0] ?? -1, writeFd: pair[1] ?? -1 };
}

/** socketpair(2) of Unix sockets, close-on-exec and blocking. */
export function createSocketPair(type: 'stream' | 'seqpacket'): [number, number] {
  const pair = new Int32Array(2);
  const kind = type === 'stream' ? SOCK_STREAM : SOCK_SEQPACKET;
  check(c.socketpair(AF_UNIX, kind | CLOEXEC, 0, pair), 'socketpair');
  return [pair[0] ?? -1, pair[1] ?? -1];
}

export interface PipeListener {
  /** The bytes are the listener's to keep. */
  onData(chunk: Buffer): void;
  /** The writers are gone, or reading failed. Nothing follows. */
  onEnd(error?: unknown): void;
}

/** Reads through the reactor and makes the descriptor non-blocking. Takes over the descriptor: it is closed at the end and when disposed. */
export function readPipe(reactor: Reactor, fd: number, listener: PipeListener): Disposable {
  const buffer = Buffer.alloc(65_536);
  const owned = new DisposableStack();
  owned.defer(() => closeDescriptor(fd));
  const step = (): void => {
    let count: number | undefined;
    try {
      count = readAvailable(fd, buffer);
    } catch (error) {
      owned.dispose();
      return listener.onEnd(error);
    }
    if (count === undefined) return;
    if (count > 0) return listener.onData(Buffer.from(buffer.subarray(0, count)));
    owned.dispose();
    listener.onEnd();
  };
  try {
    setNonBlocking(fd, 'non-blocking');
    owned.use(reactor.watch(fd, EPOLLIN, step));
  } catch (error) {
    owned.dispose();
    throw error;
  }
  return owned;
}
