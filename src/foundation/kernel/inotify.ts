import { closeDescriptor } from './at.ts';
import { readAvailable } from './io.ts';
import { check, cString, declare, type CString } from './libc.ts';
import { EPOLLIN, type Reactor } from './reactor.ts';

const c = {
  inotify_init1: declare<[number]>('inotify_init1', 'int', ['int']),
  inotify_add_watch: declare<[number, CString, number]>('inotify_add_watch', 'int', ['int', 'str', 'uint32']),
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

/** struct inotify_event: wd, mask, cookie, length of the padded name, name. */
function* parse(bytes: Buffer): Generator<{ name: string; mask: number }> {
  for (let offset = 0; offset + headerBytes <= bytes.length;) {
    const nameBytes = bytes.readUInt32LE(offset + 12);
    const padded = bytes.subarray(offset + headerBytes, offset + headerBytes + nameBytes);
    const end = padded.indexOf(0);
    yield {
      name: padded.subarray(0, end < 0 ? padded.length : end).toString(),
      mask: bytes.readUInt32LE(offset + 4),
    };
    offset += headerBytes + nameBytes;
  }
}
