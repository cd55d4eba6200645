import { type PaxRecord, parsePaxTime, type TarTime } from './pax.ts';
import { isConsistent, parseSparseList, type SparseMap } from './sparse.ts';
import { type RawHeader } from './tar-header.ts';
import { archiveTooBig, corruptEntry, type TarLimits } from './tar-limits.ts';

export type TarType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';

/**
 * One member of an archive with all extensions applied. Paths are byte strings, one character a byte (latin1), because
 * Linux names are bytes: never print them without `displayName`, never encode them as UTF-8 for a system call.
 */
export interface TarEntry {
  type: TarType;
  name: string;
  linkName: string;
  mode: number;
  uid: number;
  gid: number;
  userName: string;
  groupName: string;
  /** Size of the file, holes included; 0 for everything but files. */
  size: number;
  mtime: TarTime;
  atime: TarTime | undefined;
  devMajor: number;
  devMinor: number;
  /** Extended attributes: name (latin1) to value. */
  xattrs: ReadonlyMap<string, Buffer> | undefined;
  /** Where the data of a sparse file lies. */
  sparse: SparseMap | undefined;
  /** Place of the entry's header in the archive, for messages. */
  offset: number;
}

/** What the headers before an entry said about it. */
export interface Extensions {
  global: ReadonlyMap<string, string>;
  local: readonly PaxRecord[] | undefined;
  longName: string | undefined;
  longLink: string | undefined;
}

/** The entry, the bytes it occupies in the archive, and whether a PAX 1.0 sparse map stands before its data. */
export interface BuiltEntry {
  entry: TarEntry;
  storedBytes: number;
  hasSparseText: boolean;
}

const typeOfFlag: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '\0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  D: 'directory',
  S: 'file',
};

/** Applies the extensions to a header. */
export function buildEntry(
  raw: RawHeader,
  extensions: Extensions,
  offset: number,
  limits: TarLimits,
): BuiltEntry {
  const type = typeOfFlag[raw.typeFlag];
  if (type === undefined)
    throw corruptEntry(raw.name, offset, `unknown entry type ${JSON.stringify(raw.typeFlag)}`);
  const entry: TarEntry = {
    type,
    name: raw.name,
    linkName: raw.linkName,
    mode: raw.mode,
    uid: raw.uid,
    gid: raw.gid,
    userName: raw.userName,
    groupName: raw.groupName,
    size: raw.size,
    mtime: { sec: raw.mtime, nsec: 0 },
    atime: undefined,
    devMajor: raw.devMajor,
    devMinor: raw.devMinor,
    xattrs: undefined,
    sparse: undefined,
    offset,
  };
  const sparse =
    extensions.local || extensions.global.size > 0 ? applyPax(entry, extensions, limits) : undefined;
  if (extensions.longName !== undefined) entry.name = extensions.longName;
  if (extensions.longLink !== undefined) entry.linkName = extensions.longLink;
  const storedBytes = type === 'file' || raw.typeFlag === 'D' ? entry.size : 0;
  if (sparse && type === 'file') applySparse(entry, sparse, limits);
  // A "file" whose name ends in a slash is how tar before POSIX wrote a directory.
  if (type === 'file' && entry.name.endsWith('/')) entry.type = 'directory';
  if (entry.type !== 'file') entry.size = 0;
  check(entry, storedBytes, limits);
  return { entry, storedBytes, hasSparseText: sparse?.version === '1.0' };
}

interface PaxSparse {
  version: '0.0' | '0.1' | '1.0';
  realSize: string | undefined;
  map: SparseMap;
}

function applyPax(entry: TarEntry, extensions: Extensions, limits: TarLimits): PaxSparse | undefined {
  const fail = (what: string): Error => corruptEntry(entry.name, entry.offset, what);
  const records = new Map(extensions.global);
  const pairs: SparseMap = [];
  for (const [key, value] of extensions.local ?? []) {
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') {
      pairs.push(integer(key, value, fail));
      if (pairs.length > 2 * limits.maxSparseRegions) throw tooManyRegions(entry);
    } else records.set(key, value);
  }
  for (const [key, value] of records) applyRecord(entry, key, value, fail);
  return findSparse(entry, records, pairs, limits, fail);
}

function applyRecord(entry: TarEntry, key: string, value: string, fail: (what: string) => Error): void {
  if (key.startsWith('SCHILY.xattr.')) {
    const xattrs = new Map(entry.xattrs);
    entry.xattrs = xattrs.set(key.slice('SCHILY.xattr.'.length), Buffer.from(value, 'latin1'));
    return;
  }
  // An empty value takes the record back: the header's own field counts.
  if (value === '') return;
  if (key === 'path') entry.name = value;
  else if (key === 'linkpath') entry.linkName = value;
  else if (key === 'size') entry.size = integer(key, value, fail);
  else if (key === 'uid') entry.uid = integer(key, value, fail);
  else if (key === 'gid') entry.gid = integer(key, value, fail);
  else if (key === 'uname') entry.userName = value;
  else if (key === 'gname') entry.groupName = value;
  else if (key === 'mtime') entry.mtime = time(key, value, fail);
  else if (key === 'atime') entry.atime = time(key, value, fail);
}

function findSparse(
  entry: TarEntry,
  records: ReadonlyMap<string, string>,
  pairs: SparseMap,
  limits: TarLimits,
  fail: (what: string) => Error,
): PaxSparse | undefined {
  const major = records.get('GNU.sparse.major') ?? '0';
  const list = records.get('GNU.sparse.map');
  const realSize = records.get('GNU.sparse.realsize') ?? records.get('GNU.sparse.size');
  const name = records.get('GNU.sparse.name');
  if (major === '1') {
    if (name) entry.name = name;
    return { version: '1.0', realSize, map: [] };
  }
  if (major !== '0') throw fail(`unknown sparse format ${major.slice(0, 20)}`);
  if (list !== undefined) {
    if (name) entry.name = name;
    const map = parseSparseList(list, () => fail('bad sparse map'));
    if (map.length > 2 * limits.maxSparseRegions) throw tooManyRegions(entry);
    return { version: '0.1', realSize, map };
  }
  if (pairs.length === 0 && !records.has('GNU.sparse.numblocks')) return undefined;
  return { version: '0.0', realSize, map: pairs };
}

function applySparse(entry: TarEntry, sparse: PaxSparse, limits: TarLimits): void {
  const fail = (what: string): Error => corruptEntry(entry.name, entry.offset, what);
  const storedBytes = entry.size;
  if (sparse.realSize === undefined) throw fail('sparse file without its size');
  entry.size = integer('GNU.sparse.realsize', sparse.realSize, fail);
  if (entry.size > limits.maxFileBytes) throw tooBig(entry, limits);
  if (sparse.version === '1.0') return;
  setSparseMap(entry, sparse.map, storedBytes);
}

/** Gives a sparse entry its map once it is known, if it makes sense. */
export function setSparseMap(entry: TarEntry, map: SparseMap, storedBytes: number): void {
  if (!isConsistent(map, entry.size, storedBytes))
    throw corruptEntry(entry.name, entry.offset, 'sparse map contradicts the sizes');
  entry.sparse = map;
}

function check(entry: TarEntry, storedBytes: number, limits: TarLimits): void {
  const { name, offset } = entry;
  if (entry.size < 0 || storedBytes < 0) throw corruptEntry(name, offset, 'negative size');
  if (entry.size > limits.maxFileBytes) throw tooBig(entry, limits);
  if (name === '') throw corruptEntry(name, offset, 'entry without a name');
  if (name.includes('\0') || entry.linkName.includes('\0'))
    throw corruptEntry(name, offset, 'path contains a NUL byte');
  if (name.length > limits.maxPathBytes || entry.linkName.length > limits.maxPathBytes)
    throw archiveTooBig(name, offset, `path is longer than ${limits.maxPathBytes} bytes`);
  // 2^32-1 would mean "leave as it is" to chown(2).
  if (!isId(entry.uid) || !isId(entry.gid)) throw corruptEntry(name, offset, 'user or group id out of range');
  if (!isDeviceNumber(entry.devMajor, 0xfff) || !isDeviceNumber(entry.devMinor, 0xfffff))
    throw corruptEntry(name, offset, 'device number out of range');
  if ((entry.type === 'symlink' || entry.type === 'hardlink') && entry.linkName === '')
    throw corruptEntry(name, offset, 'link without a target');
}

function isId(id: number): boolean {
  return id >= 0 && id < 0xffffffff;
}

function isDeviceNumber(value: number, max: number): boolean {
  return value >= 0 && value <= max;
}

function tooBig(entry: TarEntry, limits: TarLimits): Error {
  return archiveTooBig(entry.name, entry.offset, `file is larger than ${limits.maxFileBytes} bytes`);
}

export function tooManyRegions(entry: TarEntry): Error {
  return archiveTooBig(entry.name, entry.offset, 'sparse file has too many regions');
}

function integer(key: string, value: string, fail: (what: string) => Error): number {
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw fail(`bad number in PAX record "${key}"`);
  return number;
}

function time(key: string, value: string, fail: (what: string) => Error): TarTime {
  const parsed = parsePaxTime(value);
  if (!parsed) throw fail(`bad time in PAX record "${key}"`);
  return parsed;
}
