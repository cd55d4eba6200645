import { closeDescriptor } from './at.ts';
import { check, declare, EINTR, fail, stableBytes } from './libc.ts';

const c = {
  epoll_create1: declare<[number]>('epoll_create1', 'int', ['int']),
  epoll_ctl: declare<[number, number, number, Uint8Array]>('epoll_ctl', 'int', [
    'int',
    'int',
    'int',
    'void*',
  ]),
  epoll_wait: declare<[number, Uint8Array, number, number]>('epoll_wait', 'int', [
    'int',
    'void*',
    'int',
    'int',
  ]),
  eventfd: declare<[number, number]>('eventfd', 'int', ['uint32', 'int']),
  eventfd_write: declare<[number, number]>('eventfd_write', 'int', ['int', 'uint64']),
  eventfd_read: declare<[number, Uint8Array]>('eventfd_read', 'int', ['int', 'void*']),
};

/** Events of epoll_ctl(2). */
export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;
export const EPOLLRDHUP = 0x2000;

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** struct epoll_event is packed on x86-64 only. */
const layout = process.arch === 'x64' ? { size: 12, data: 4 } : { size: 16, data: 8 };
const eventsPerWait = 64;
const wakeToken = 0;

/**
 * Turns readiness of any descriptor into callbacks on the event loop (epoll(7), level-triggered: a callback that leaves something
 * unread is called again).
 *
 * One epoll_wait(2) waits on the thread pool, and occupies one of its threads for as long as anything is watched: a process wants exactly
 * one reactor. While anything is watched the process stays alive; with nothing watched the wait ends and the reactor costs nothing.
 */
export interface Reactor extends Disposable {
  /** `events` of epoll_ctl(2); `EPOLLERR` and `EPOLLHUP` are always reported. Dispose the watch before closing the descriptor. */
  watch(fd: number, events: number, callback: (events: number) => void): Watch;
}

/** After disposing, the callback is never called again, not even for an event that already arrived. */
export interface Watch extends Disposable {
  /** Other events; 0 reports nothing at all, not even a hang-up, until changed again. */
  update(events: number): void;
}

interface Entry {
  fd: number;
  events: number;
  callback: (events: number) => void;
}

export function createReactor(): Reactor {
  const epollFd = check(c.epoll_create1(CLOEXEC), 'epoll_create1');
  const wakeFd = check(c.eventfd(0, CLOEXEC | EFD_NONBLOCK), 'eventfd');
  const entries = new Map<number, Entry>();
  const ready = stableBytes(layout.size * eventsPerWait);
  const counter = new Uint8Array(8);
  let state: 'idle' | 'waiting' | 'dispatching' | 'disposed' = 'idle';
  let disposeRequested = false;
  let lastToken = wakeToken;
  control(epollFd, EPOLL_CTL_ADD, wakeFd, { events: EPOLLIN, token: wakeToken });

  const wake = (): void => {
    if (state === 'waiting') check(c.eventfd_write(wakeFd, 1), 'eventfd_write');
  };
  const close = (): void => {
    state = 'disposed';
    closeDescriptor(wakeFd);
    closeDescriptor(epollFd);
  };
  const dispatch = (count: number): void => {
    for (let index = 0; index < count; index++) {
      const token = ready.readUInt32LE(index * layout.size + layout.data);
      if (token === wakeToken) c.eventfd_read(wakeFd, counter);
      else deliver(entries.get(token), ready.readUInt32LE(index * layout.size));
    }
  };
  const isWanted = (): boolean => entries.size > 0 && !disposeRequested;
  const wait = async (): Promise<void> => {
    while (isWanted()) {
      state = 'waiting';
      const { result, errno } = await c.epoll_wait.async(epollFd, ready, eventsPerWait, -1);
      state = 'dispatching';
      if (result >= 0) dispatch(result);
      else if (errno !== EINTR) fail(errno, 'epoll_wait');
    }
    state = 'idle';
    if (disposeRequested) close();
  };

  return {
    watch(fd, events, callback) {
      if (disposeRequested) throw new Error('the reactor was disposed');
      const token = ++lastToken;
      const entry: Entry = { fd, events: 0, callback };
      const update = (wanted: number): void => {
        if (!entries.has(token) || wanted === entry.events) return;
        const operation = entry.events === 0 ? EPOLL_CTL_ADD : wanted === 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
        control(epollFd, operation, fd, { events: wanted, token });
        entry.events = wanted;
      };
      entries.set(token, entry);
      try {
        update(events);
      } catch (error) {
        entries.delete(token);
        throw error;
      }
      if (state === 'idle') void wait();
      return {
        update,
        [Symbol.dispose]() {
          if (!entries.has(token) || state === 'disposed') return;
          update(0);
          entries.delete(token);
          if (entries.size === 0) wake();
        },
      };
    },
    [Symbol.dispose]() {
      if (disposeRequested) return;
      disposeRequested = true;
      entries.clear();
      if (state === 'idle') close();
      else wake();
    },
  };
}

/** An error of one callback must stop neither the others nor the reactor: it surfaces as an uncaught exception. */
function deliver(entry: Entry | undefined, events: number): void {
  if (!entry || entry.events === 0) return;
  try {
    entry.callback(events);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function control(
  epollFd: number,
  operation: number,
  fd: number,
  event: { events: number; token: number },
): void {
  const bytes = new Uint8Array(layout.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, event.events, true);
  view.setUint32(layout.data, event.token, true);
  check(c.epoll_ctl(epollFd, operation, fd, bytes), 'epoll_ctl');
}
