import { closeDescriptor } from './at.ts';
import { readAvailable } from './io.ts';
import { check, cString, declare, type CString } from './libc.ts';
import { EPOLLIN, type Reactor } from './reactor.ts';

const c = {
  inotify_init1: declare<[number]>('inotify_init1', 'int', ['int']),
  inotify_add_watch: declare<[number, CString, number]>('inotify_add_watch', 'int', ['int', 'str', 'uint32']),
  inotify_rm_watch: declare<[number, number]>('inotify_rm_watch', 'int', ['int', 'int']),
};

/** Events of inotify(7). */
export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_CLOSE_WRITE = 0x8;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_DELETE_SELF = 0x400;
export const IN_MOVE_SELF = 0x800;
/** As part of a mask: the watch ends with its first event. */
export const IN_ONESHOT = 0x80000000;
/** Events were lost: the caller must look at the whole directory again. Always reported, with an empty name. */
export const IN_Q_OVERFLOW = 0x4000;
/** The directory is gone, nothing will follow. Always reported, with an empty name. */
export const IN_IGNORED = 0x8000;

const CLOEXEC_NONBLOCK = 0o2004000;
const headerBytes = 16;

/**
 * inotify(7) of one directory (or file): what happens from now on, so list the directory after this call. Each watch uses an inotify
 * instance; hosts allow 128 a user by default, so watch one directory for many things, not many directories.
 */
export function watchDirectory(
  reactor: Reactor,
  directory: string,
  mask: number,
  callback: (name: string, mask: number) => void,
): Disposable {
  using undo = new DisposableStack();
  const fd = check(c.inotify_init1(CLOEXEC_NONBLOCK), 'inotify_init1');
  undo.defer(() => closeDescriptor(fd));
  const path = cString(directory, 'inotify_add_watch');
  check(c.inotify_add_watch(fd, path, mask), 'inotify_add_watch', directory);
  const buffer = Buffer.alloc(16_384);
  undo.use(
    reactor.watch(fd, EPOLLIN, () => {
      // One buffer a wake-up: the reactor calls again while there is more.
      const length = readAvailable(fd, buffer) ?? 0;
      for (const event of parse(buffer.subarray(0, length)))
        if (!owned.disposed) callback(event.name, event.mask);
    }),
  );
  const owned = undo.move();
  return owned;
}

/** Many directories or files with one inotify instance. */
export interface DirectoryWatcher extends Disposable {
  /** At most one watch an inode. After disposing, the callback is never called again. */
  watch(directory: string, mask: number, callback: (name: string, mask: number) => void): Disposable;
}

/** Takes an instance with the first watch and gives it back with the last. Lost events (`IN_Q_OVERFLOW`) are told to every callback. */
export function createDirectoryWatcher(reactor: Reactor): DirectoryWatcher {
  const callbacks = new Map<number, (name: string, mask: number) => void>();
  let instance: { fd: number; reading: Disposable } | undefined;
  const open = (): { fd: number; reading: Disposable } => {
    const fd = check(c.inotify_init1(CLOEXEC_NONBLOCK), 'inotify_init1');
    const buffer = Buffer.alloc(16_384);
    const reading = reactor.watch(fd, EPOLLIN, () => {
      const length = readAvailable(fd, buffer) ?? 0;
      for (const { name, mask, watch } of parse(buffer.subarray(0, length))) {
        if ((mask & IN_Q_OVERFLOW) === 0) callbacks.get(watch)?.(name, mask);
        else for (const callback of callbacks.values()) callback('', mask);
      }
    });
    return { fd, reading };
  };
  const close = (): void => {
    instance?.reading[Symbol.dispose]();
    if (instance) closeDescriptor(instance.fd);
    instance = undefined;
  };
  return {
    watch(directory, mask, callback) {
      instance ??= open();
      const { fd } = instance;
      const path = cString(directory, 'inotify_add_watch');
      const watch = check(c.inotify_add_watch(fd, path, mask), 'inotify_add_watch', directory);
      callbacks.set(watch, callback);
      return {
        [Symbol.dispose]() {
          if (callbacks.get(watch) !== callback) return;
          callbacks.delete(watch);
          if (callbacks.size === 0) close();
          // Fails when the directory is gone, and the watch with it.
          else c.inotify_rm_watch(fd, watch);
        },
      };
    },
    [Symbol.dispose]() {
      callbacks.clear();
      close();
    },
  };
}

/** struct inotify_event: wd, mask, cookie, length of the padded name, name. */
function* parse(bytes: Buffer): Generator<{ watch: number; name: string; mask: number }> {
  for (let offset = 0; offset + headerBytes <= bytes.length;) {
    const nameBytes = bytes.readUInt32LE(offset + 12);
    const padded = bytes.subarray(offset + headerBytes, offset + headerBytes + nameBytes);
    const end = padded.indexOf(0);
    yield {
      watch: bytes.readInt32LE(offset),
      name: padded.subarray(0, end < 0 ? padded.length : end).toString(),
      mask: bytes.readUInt32LE(offset + 4),
    };
    offset += headerBytes + nameBytes;
  }
}
