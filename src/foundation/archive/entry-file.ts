import { closeSync, fchmodSync, fchownSync, ftruncateSync, writeSync } from 'node:fs';
import { type FileTimes, futimens, openat } from '../kernel/at.ts';
import { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } from '../kernel/flags.ts';
import type { IdMappings } from '../kernel/id-mapping.ts';
import { ownershipOf } from '../kernel/stat.ts';
import { isErrno } from '../kernel/syscall-error.ts';
import { setXattr } from '../kernel/xattr.ts';
import type { ContentsThread, FileEnding } from './contents-thread.ts';
import { capabilityName, capabilityOutside, type Owner, ownerOutside } from './owner-map.ts';
import type { TarTime } from './pax.ts';
import type { TarEntry } from './tar-entry.ts';
import type { TarHandler } from './tar-reader.ts';

/** What an unpacker gives to files and directories beside their bytes. */
export interface EntryDress {
  /** Instead of the owners in the archive; `creator` leaves whoever runs this. */
  owner?: { uid: number; gid: number } | 'creator' | undefined;
  /** The place is seen as the host sees that of a container with these ids, and owners are those inside. */
  ids?: IdMappings | undefined;
  keepsXattr: (name: string) => boolean;
  /** Of a file system that does not take an extended attribute: the file comes without it. */
  xattrErrors: readonly string[];
}

/** The regular file of an archive that is being written: one at a time, made under a name that must be free. */
export interface EntryFile extends Disposable {
  /** With this mode, as far as the process's umask lets it. Throws EEXIST when the name is taken. */
  create(parent: number, name: string | Buffer, mode: number): void;
  /** As `TarHandler.data`; nothing when no file is open. */
  write(entry: TarEntry | undefined, bytes: Buffer, position: number): void;
  /** Whole: gives it its length, owner, mode, attributes and times, and closes it. */
  end(entry: TarEntry | undefined): void;
}

export interface EntryFileOptions {
  /** What lies in its memory is written by that thread, which also ends the file where it can. */
  contents?: ContentsThread | undefined;
  /** Blocks of zeros are not written, so that they take no space; this thread writes what is. */
  zerosAsHoles?: boolean;
}

export function createEntryFile(
  dressing: EntryDress,
  { contents, zerosAsHoles }: EntryFileOptions = {},
): EntryFile {
  let fd = -1;
  /** Where what was written ends. */
  let written = 0;
  /** The other thread has something of this file. */
  let isShared = false;
  const close = (): void => {
    if (fd >= 0) closeSync(fd);
    fd = -1;
  };
  const finish = (file: number, entry: TarEntry, isShort: boolean): void => {
    // A hole at the end of a sparse file.
    if (isShort) ftruncateSync(file, entry.size);
    dress(file, entry, dressing);
    futimens(file, timesOf(entry));
  };
  const endLater = (entry: TarEntry, thread: ContentsThread): void => {
    const [file, isShort] = [fd, written < entry.size];
    fd = -1;
    const ending = plainEnding(entry, dressing, isShort);
    if (ending) thread.end(file, ending, entry);
    else thread.afterwards(file, entry, () => finish(file, entry, isShort));
  };
  return {
    create(parent, name, mode) {
      // Set-id bits come last, when the owner is right.
      fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode & 0o777);
      written = 0;
      isShared = false;
    },
    write(entry, bytes, position) {
      if (fd < 0) return;
      if (zerosAsHoles) {
        for (const [from, to] of dataIn(bytes, position)) {
          writeAll(fd, bytes.subarray(from, to), position + from);
          written = position + to;
        }
        return;
      }
      const sparse = entry?.sparse !== undefined;
      written = position + bytes.length;
      if (entry && contents?.holds(bytes)) {
        contents.write(fd, bytes, sparse ? position : undefined, entry);
        isShared = true;
        return;
      }
      if (isShared) contents?.settle();
      writeAll(fd, bytes, sparse ? position : null);
    },
    end(entry) {
      if (fd < 0 || !entry) return;
      if (isShared && contents) return endLater(entry, contents);
      finish(fd, entry, written < entry.size);
      close();
    },
    [Symbol.dispose]() {
      // Its number may be another file's once it is closed.
      if (fd >= 0 && isShared) contents?.waitIdle();
      close();
    },
  };
}

function writeAll(fd: number, bytes: Buffer, position: number | null): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(fd, bytes, done, bytes.length - done, position === null ? null : position + done);
}

const blockBytes = 4096;
const zeros = Buffer.alloc(blockBytes);

/** The parts of the bytes that lie in blocks of the file with anything but zeros: what is not written reads as zeros. */
function* dataIn(bytes: Buffer, position: number): Generator<[from: number, to: number]> {
  let from: number | undefined;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + blockBytes - ((position + at) % blockBytes));
    const isZero = bytes.compare(zeros, 0, end - at, at, end) === 0;
    if (!isZero) from ??= at;
    else if (from !== undefined) {
      yield [from, at];
      from = undefined;
    }
    at = end;
  }
  if (from !== undefined) yield [from, bytes.length];
}

/** How the other thread is to end the file; undefined for attributes and parts of seconds, which it cannot give. */
function plainEnding(entry: TarEntry, dressing: EntryDress, isShort: boolean): FileEnding | undefined {
  const { mtime, atime = mtime, mode, xattrs, size } = entry;
  if (xattrs !== undefined || !isWhole(mtime) || !isWhole(atime)) return undefined;
  const { owner, ids } = dressing;
  return {
    sizeBytes: isShort ? size : undefined,
    owner: owner === 'creator' ? undefined : ownerOnHost(owner ?? entry, ids),
    mode,
    atimeSeconds: atime.sec,
    mtimeSeconds: mtime.sec,
  };
}

const isWhole = ({ sec, nsec }: TarTime): boolean => nsec === 0 && sec >= 0;

/**
 * Owner first: changing it clears set-id bits and capabilities. Looks first: a change costs a file system twenty times as much, and most files are root's and
 * were made with their mode.
 */
export function dress(fd: number, entry: TarEntry, dressing: EntryDress): void {
  const { owner, keepsXattr, xattrErrors, ids } = dressing;
  const status = ownershipOf(fd);
  const { uid, gid } = owner === 'creator' ? status : ownerOnHost(owner ?? entry, ids);
  const isTheirs = status.uid === uid && status.gid === gid;
  if (!isTheirs) fchownSync(fd, uid, gid);
  if (!isTheirs || (status.mode & 0o7777) !== entry.mode) fchmodSync(fd, entry.mode);
  for (const [name, value] of entry.xattrs ?? [])
    if (keepsXattr(name))
      setAttribute(
        fd,
        name,
        ids && name === capabilityName ? capabilityOutside(value, ids) : value,
        xattrErrors,
      );
}

export const ownerOnHost = (owner: Owner, ids: IdMappings | undefined): Owner =>
  ids ? ownerOutside(owner, ids) : owner;

function setAttribute(fd: number, name: string, value: Buffer, ignored: readonly string[]): void {
  try {
    setXattr(fd, Buffer.from(name, 'latin1').toString(), value);
  } catch (error) {
    if (!isErrno(error, ...ignored)) throw error;
  }
}

export function timesOf(entry: TarEntry): FileTimes {
  const mtimeNs = nanoseconds(entry.mtime);
  return { atimeNs: entry.atime ? nanoseconds(entry.atime) : mtimeNs, mtimeNs };
}

function nanoseconds(time: TarTime): bigint {
  return BigInt(time.sec) * 1_000_000_000n + BigInt(time.nsec);
}

/** Takes an archive's entries, and says at the end what came of them. */
export interface Filler<Result> extends TarHandler {
  finish(): Result;
}

/** The same filler, whose errors are what `explain` makes of them. */
export function explaining<Result>(
  filler: Filler<Result>,
  explain: (error: unknown) => unknown,
): Filler<Result> {
  const guard = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw explain(error);
    }
  };
  return {
    entry: (entry) => guard(() => filler.entry(entry)),
    data: (bytes, position) => guard(() => filler.data(bytes, position)),
    end: () => guard(() => filler.end()),
    finish: () => guard(() => filler.finish()),
  };
}
