import { closeDescriptor } from './at.ts';
import { declare, fail, lastErrno, syscallNumbers } from './libc.ts';
import { EPOLLIN, type Reactor } from './reactor.ts';

const c = {
  pidfd_open: declare<[number, number, number]>('syscall', 'int64', ['int64', 'int64', 'int64']),
  pidfd_getfd: declare<[number, number, number, number]>('syscall', 'int64', [
    'int64',
    'int64',
    'int64',
    'int64',
  ]),
  pidfd_send_signal: declare<[number, number, number, null, number]>('syscall', 'int64', [
    'int64',
    'int64',
    'int64',
    'void*',
    'int64',
  ]),
};
const ESRCH = 3;
const EBADF = 9;

/** pidfd_open(2), close-on-exec: a process, and never another one that was given its number. `undefined` when there is none. */
export function openPidfd(pid: number): number | undefined {
  const fd = c.pidfd_open(syscallNumbers.pidfd_open, pid, 0);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  return errno === ESRCH ? undefined : fail(errno, 'pidfd_open', String(pid));
}

/** pidfd_send_signal(2); signal 0 only asks. False when the process has ended and was waited for. */
export function sendSignal(pidfd: number, signal: number): boolean {
  const result = c.pidfd_send_signal(syscallNumbers.pidfd_send_signal, pidfd, signal, null, 0);
  if (result === 0) return true;
  const errno = lastErrno();
  return errno === ESRCH ? false : fail(errno, 'pidfd_send_signal');
}

/** pidfd_getfd(2): a descriptor of the other process, as one of ours. Undefined when it, or the process, is gone. */
export function takeDescriptor(pidfd: number, descriptor: number): number | undefined {
  const fd = c.pidfd_getfd(syscallNumbers.pidfd_getfd, pidfd, descriptor, 0);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  return errno === ESRCH || errno === EBADF ? undefined : fail(errno, 'pidfd_getfd');
}

/** Calls back once when the process has ended (a zombie has). The descriptor stays the caller's. */
export function watchExit(reactor: Reactor, pidfd: number, callback: () => void): Disposable {
  const watch = reactor.watch(pidfd, EPOLLIN, () => {
    watch[Symbol.dispose]();
    callback();
  });
  return watch;
}

/** Calls back once when the process of this number has ended; `undefined` when it had already. */
export function watchPid(reactor: Reactor, pid: number, callback: () => void): Disposable | undefined {
  const pidfd = openPidfd(pid);
  if (pidfd === undefined) return undefined;
  const owned = new DisposableStack();
  owned.defer(() => closeDescriptor(pidfd));
  owned.use(
    watchExit(reactor, pidfd, () => {
      owned.dispose();
      callback();
    }),
  );
  return owned;
}
