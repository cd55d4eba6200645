import { closeSync, readSync } from 'node:fs';
import { SiloError } from '../../base/errors.ts';
import { readlinkDescriptor } from '../../kernel/at.ts';
import { readNames } from '../../kernel/directory.ts';
import { O_DIRECTORY, O_NOCTTY, O_NONBLOCK, O_RDONLY } from '../../kernel/flags.ts';
import { nextData, nextHole } from '../../kernel/holes.ts';
import type { IdMappings } from '../../kernel/id-mapping.ts';
import type { Reopener } from '../../kernel/reopen.ts';
import { type FileStatus, statDescriptor } from '../../kernel/stat.ts';
import { isErrno, unlessErrno } from '../../kernel/syscall-error.ts';
import { getXattr, listXattrs } from '../../kernel/xattr.ts';
import { attributesInside, ownerInside } from '../owner-map.ts';
import type { SparseMap } from '../sparse.ts';
import { formatSparseText } from '../sparse-writer.ts';
import { endOfArchive, contentPadding, formatMember, type TarMember } from '../tar-writer.ts';
import { tarTimeOf, tarTypeOf } from '../member-status.ts';
import { displayName } from '../tar-limits.ts';
import { isAllowedXattr } from '../xattr-policy.ts';
import { openName } from './place.ts';
import { maximumDepth } from './remove.ts';

export interface PackOptions {
  /** What to pack, `O_PATH`; stays the caller's. */
  place: number;
  /** The name that it gets in the archive; the names below start with it. `''` for the root: then they start with a slash. */
  name: string;
  reopener: Reopener;
  /** What may not be opened is left out, as some files of /proc, or fails. */
  unreadable: 'skip' | 'fail';
  /** Which extended attributes go along; those of image layers when absent. */
  keepsXattr?: (name: string) => boolean;
  /** The files are seen as the host sees those of a container with these ids; the archive has the owners inside. */
  ids?: IdMappings | undefined;
  /** Times to the nanosecond, which Docker's archives do not have. */
  exactTimes?: boolean;
  /** Holes of files stay holes, in the form of GNU tar (PAX 1.0), which not every program knows; otherwise they are zeros. */
  keepsHoles?: boolean;
}

interface PackState extends PackOptions {
  /** First names of files with several, by device and inode. */
  readonly firstNames: Map<string, string>;
  readonly buffer: Buffer;
  filled: number;
}

/** No more than a socket takes at once: while a reader has its piece, the next one is made. */
const bufferBytes = 1 << 17;
/** Each costs memory; beyond it further names of a file become files of their own. */
const maximumHardLinks = 1_000_000;

/**
 * A file, or a directory with all below it, as a tar in byte order, as Docker makes it: whole seconds, no names of owners, hard links kept, sockets left
 * out. What vanishes meanwhile is left out; a file keeps the size that it had when its turn came. Pieces are good until the next one is asked for.
 */
export function* packTree(options: PackOptions): Generator<Buffer, void> {
  const state: PackState = {
    ...options,
    firstNames: new Map(),
    buffer: Buffer.allocUnsafeSlow(bufferBytes),
    filled: 0,
  };
  yield* packNode(state, options.place, options.name, 0);
  yield* append(state, endOfArchive);
  yield* flush(state);
}

function* packNode(state: PackState, place: number, name: string, depth: number): Generator<Buffer, void> {
  const status = statDescriptor(place);
  const type = tarTypeOf(status);
  if (type === undefined) return;
  const member: TarMember = {
    type,
    name: name === '' ? '/' : name,
    mode: status.mode & 0o7777,
    ...(state.ids ? ownerInside(status, state.ids) : { uid: status.uid, gid: status.gid }),
    mtime: toTime(status.mtimeNs, state.exactTimes ?? false),
  };
  if (type === 'directory') return yield* packDirectory(state, place, member, name, depth);
  if (status.nlink > 1) {
    const key = `${status.device.major}:${status.device.minor}:${status.ino}`;
    const linkName = state.firstNames.get(key);
    if (linkName !== undefined)
      return yield* append(state, formatMember({ ...member, type: 'hardlink', linkName }));
    if (type !== 'file' || status.sizeBytes > 0) rememberName(state, key, name);
  }
  if (type === 'file') return yield* packFile(state, place, member, status);
  const { major: devMajor, minor: devMinor } = status.rdev;
  const details =
    type === 'symlink'
      ? { linkName: readlinkDescriptor(place).toString('latin1') }
      : type === 'fifo'
        ? {}
        : { devMajor, devMinor };
  yield* append(state, formatMember({ ...member, ...details }));
}

function toTime(timeNs: bigint, isExact: boolean): TarMember['mtime'] {
  const time = tarTimeOf(timeNs);
  return isExact ? time : { ...time, nsec: 0 };
}

function rememberName({ firstNames }: PackState, key: string, name: string): void {
  if (firstNames.size < maximumHardLinks) firstNames.set(key, name);
}

function* packDirectory(
  state: PackState,
  place: number,
  member: TarMember,
  path: string,
  depth: number,
): Generator<Buffer, void> {
  if (depth > maximumDepth)
    throw new SiloError('invalid', `directories are nested more than ${maximumDepth} deep`, {
      code: 'too-deep',
    });
  const fd = reopen(state, place, path, O_RDONLY | O_DIRECTORY);
  yield* append(state, formatMember({ ...member, ...(fd === undefined ? {} : attributes(state, fd)) }));
  if (fd === undefined) return;
  try {
    for (const name of readNames(fd).sort(byBytes)) {
      const child = unlessErrno(vanished, () => openName(fd, name));
      if (child === undefined) continue;
      try {
        yield* packNode(state, child, `${path}/${name}`, depth + 1);
      } finally {
        closeSync(child);
      }
    }
  } finally {
    closeSync(fd);
  }
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function* packFile(
  state: PackState,
  place: number,
  member: TarMember,
  { sizeBytes: size, allocatedBytes }: FileStatus,
): Generator<Buffer, void> {
  const fd = reopen(state, place, member.name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (fd === undefined) return;
  try {
    const more = attributes(state, fd);
    const map = state.keepsHoles && allocatedBytes < size ? dataRegions(fd, size) : undefined;
    if (map) return yield* packSparse(state, fd, { ...member, ...more, sparseSize: size }, map);
    const header = formatMember({ ...member, size, ...more });
    if (!put(state, header)) yield* append(state, header);
    yield* appendContent(state, fd, { position: 0, size });
    const padding = contentPadding(size);
    if (!put(state, padding)) yield* append(state, padding);
  } finally {
    closeSync(fd);
  }
}

function* packSparse(
  state: PackState,
  fd: number,
  member: TarMember & { sparseSize: number },
  map: SparseMap,
): Generator<Buffer, void> {
  const text = formatSparseText(map, member.sparseSize);
  const stored = map.reduce((sum, number, index) => (index % 2 === 0 ? sum : sum + number), 0);
  yield* append(state, formatMember({ ...member, size: text.length + stored }));
  yield* append(state, text);
  for (let index = 0; index < map.length; index += 2)
    yield* appendContent(state, fd, { position: map[index] ?? 0, size: map[index + 1] ?? 0 });
  yield* append(state, contentPadding(stored));
}

/** A file with more pieces is hardly sparse. */
const mostRegions = 10_000;

/** Where the file has data; undefined when it has no holes, or too many. */
function dataRegions(fd: number, size: number): SparseMap | undefined {
  const map: SparseMap = [];
  for (let position = 0; position < size;) {
    const from = nextData(fd, position);
    if (from === undefined || from >= size) break;
    position = Math.min(nextHole(fd, from), size);
    map.push(from, position - from);
    if (map.length > 2 * mostRegions) return undefined;
  }
  const isWhole = map.length === 2 && map[0] === 0 && map[1] === size;
  return isWhole ? undefined : map;
}

/** Nothing when it has vanished, or may not be opened. */
function reopen(state: PackState, place: number, name: string, flags: number): number | undefined {
  const { reopener, unreadable } = state;
  try {
    return reopener.reopen(place, flags);
  } catch (error) {
    if (isErrno(error, ...vanished)) return undefined;
    if (!isErrno(error, ...refusals)) throw error;
    if (unreadable === 'skip') return undefined;
    throw new SiloError('forbidden', `open ${displayName(name)}: permission denied`, { cause: error });
  }
}

const vanished = ['ENOENT', 'ESTALE', 'ESRCH'] as const;
const refusals = ['EACCES', 'EPERM', 'ENXIO', 'EINVAL', 'ENODEV'];

/** Read straight into what leaves next. A file that shrinks is filled with zeros, which keeps the archive whole. */
function* appendContent(
  state: PackState,
  fd: number,
  { position, size }: { position: number; size: number },
): Generator<Buffer, void> {
  const { buffer } = state;
  for (let left = size; left > 0;) {
    if (state.filled === buffer.length) yield* flush(state);
    const room = Math.min(left, buffer.length - state.filled);
    const count = readSync(fd, buffer, state.filled, room, position + size - left);
    if (count === 0) buffer.fill(0, state.filled, state.filled + room);
    state.filled += count === 0 ? room : count;
    left -= count === 0 ? room : count;
  }
}

/** As `append`, if there is room: a generator for each of three parts of a small file is a good part of its cost. */
function put(state: PackState, bytes: Buffer): boolean {
  if (state.filled + bytes.length > state.buffer.length) return false;
  state.filled += bytes.copy(state.buffer, state.filled);
  return true;
}

function* append(state: PackState, bytes: Buffer): Generator<Buffer, void> {
  for (let at = 0; at < bytes.length;) {
    if (state.filled === state.buffer.length) yield* flush(state);
    const count = bytes.copy(state.buffer, state.filled, at);
    state.filled += count;
    at += count;
  }
}

function* flush(state: PackState): Generator<Buffer, void> {
  if (state.filled > 0) yield state.buffer.subarray(0, state.filled);
  state.filled = 0;
}

function attributes({ keepsXattr = isAllowedXattr, ids }: PackState, fd: number): Pick<TarMember, 'xattrs'> {
  const names = attributeNames(fd).filter(keepsXattr);
  const xattrs = new Map<string, Buffer>();
  for (const name of names) {
    const value = getXattr(fd, name);
    if (value) xattrs.set(Buffer.from(name).toString('latin1'), value);
  }
  return xattrs.size > 0 ? { xattrs: attributesInside(xattrs, ids) } : {};
}

function attributeNames(fd: number): string[] {
  try {
    return listXattrs(fd);
  } catch (error) {
    if (isErrno(error, 'EOPNOTSUPP', 'EPERM', 'EACCES')) return [];
    throw error;
  }
}
