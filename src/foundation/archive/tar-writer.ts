import { formatPaxRecord, formatPaxTime, type TarTime } from './pax.ts';
import type { TarType } from './tar-entry.ts';
import { blockSize, sumOfBytes } from './tar-header.ts';

/** A member to write. Paths are one character a byte (latin1), as the reader gives them. */
export interface TarMember {
  type: TarType;
  name: string;
  linkName?: string;
  mode: number;
  uid: number;
  gid: number;
  userName?: string;
  groupName?: string;
  /** Of files: exactly so many bytes must follow the header. */
  size?: number;
  mtime: TarTime;
  devMajor?: number;
  devMinor?: number;
  xattrs?: ReadonlyMap<string, Uint8Array>;
  /** Of a sparse file (`sparse-writer.ts`): its real size; `size` is that of the map and the data. */
  sparseSize?: number;
}

const flagOfType: Readonly<Record<TarType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** Two zero blocks. */
export const endOfArchive = Buffer.alloc(2 * blockSize);

/** Zeros that follow a content of this size. Nobody writes into them. */
export function contentPadding(size: number): Buffer {
  return endOfArchive.subarray(0, (blockSize - (size % blockSize)) % blockSize);
}

/**
 * The header blocks of a member: ustar, preceded by a PAX header where a value does not fit. The same member always
 * gives the same bytes: records are sorted, and nothing of the machine goes in.
 */
export function formatMember(member: TarMember): Buffer {
  const isOpen = member.type === 'directory' && !member.name.endsWith('/');
  const name = isOpen
    ? `${member.name}/`
    : member.sparseSize === undefined
      ? member.name
      : sparseName(member.name);
  const place = splitName(name);
  const records = paxRecords(member, name, place !== undefined);
  const size = member.type === 'file' ? (member.size ?? 0) : 0;
  const header = formatHeader({
    ...member,
    size,
    typeFlag: flagOfType[member.type],
    ...(place ?? cut(name)),
  });
  if (records === '') return header;
  const payload = Buffer.from(records, 'latin1');
  const extension = formatHeader({
    typeFlag: 'x',
    prefix: '',
    name: 'PaxHeaders.0/member',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: payload.length,
    mtime: { sec: 0, nsec: 0 },
  });
  return Buffer.concat([extension, payload, contentPadding(payload.length), header]);
}

/** Most members need none. */
function needsRecords({
  linkName,
  userName,
  groupName,
  mtime,
  uid,
  gid,
  size = 0,
  xattrs,
  sparseSize,
}: TarMember): boolean {
  return (
    (xattrs ?? sparseSize) !== undefined ||
    mtime.nsec !== 0 ||
    !fitsOctal(mtime.sec, 11) ||
    !fitsOctal(uid, 7) ||
    !fitsOctal(gid, 7) ||
    !fitsOctal(size, 11) ||
    (linkName ?? userName ?? groupName) !== undefined
  );
}

function paxRecords(member: TarMember, name: string, nameFits: boolean): string {
  if (nameFits && !needsRecords(member)) return '';
  const records: [string, string][] = [];
  const { linkName = '', userName = '', groupName = '', mtime } = member;
  if (!nameFits) records.push(['path', name]);
  if (linkName.length > 100 || !isAscii(linkName)) records.push(['linkpath', linkName]);
  if (mtime.nsec !== 0 || !fitsOctal(mtime.sec, 11)) records.push(['mtime', formatPaxTime(mtime)]);
  if (!fitsOctal(member.uid, 7)) records.push(['uid', String(member.uid)]);
  if (!fitsOctal(member.gid, 7)) records.push(['gid', String(member.gid)]);
  if (!fitsOctal(member.size ?? 0, 11)) records.push(['size', String(member.size)]);
  if (userName.length > 31 || !isAscii(userName)) records.push(['uname', userName]);
  if (groupName.length > 31 || !isAscii(groupName)) records.push(['gname', groupName]);
  if (member.sparseSize !== undefined)
    records.push(
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', member.name],
      ['GNU.sparse.realsize', String(member.sparseSize)],
    );
  for (const [key, value] of member.xattrs ?? [])
    records.push([`SCHILY.xattr.${key}`, Buffer.from(value).toString('latin1')]);
  return records
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => formatPaxRecord(key, value))
    .join('');
}

/** What programs see that know no sparse files: such a file beside the real name, with the map at its beginning. */
function sparseName(name: string): string {
  const slash = name.lastIndexOf('/') + 1;
  return `${name.slice(0, slash)}GNUSparseFile.0/${name.slice(slash)}`;
}

function isAscii(text: string): boolean {
  return !/[\u0080-\u00ff]/.test(text);
}

function fitsOctal(value: number, digits: number): boolean {
  return value >= 0 && value < (digits === 7 ? 0o10000000 : 8 ** digits);
}

interface HeaderFields extends Omit<TarMember, 'type'> {
  typeFlag: string;
  prefix: string;
}

/** Name and prefix of ustar, if they can hold the name exactly. */
function splitName(name: string): { prefix: string; name: string } | undefined {
  if (!isAscii(name)) return undefined;
  if (name.length <= 100) return { prefix: '', name };
  // The slash between the two is not stored; the last byte of a directory's name is one that is.
  const slash = name.lastIndexOf('/', Math.min(155, name.length - 2));
  if (slash <= 0 || name.length - slash - 1 > 100) return undefined;
  return { prefix: name.slice(0, slash), name: name.slice(slash + 1) };
}

function cut(name: string): { prefix: string; name: string } {
  return { prefix: '', name: name.slice(0, 100) };
}

/** The header that is being made, as bytes and as words. */
const made = Buffer.from(new ArrayBuffer(blockSize));
const madeWords = new Int32Array(made.buffer);

function formatHeader(fields: HeaderFields): Buffer {
  const { size = 0, linkName = '', userName = '', groupName = '', devMajor = 0, devMinor = 0 } = fields;
  made.fill(0);
  made.write(fields.name, 0, 100, 'latin1');
  octal(fields.mode & 0o7777, 100, 7);
  octal(fields.uid, 108, 7);
  octal(fields.gid, 116, 7);
  octal(size, 124, 11);
  octal(fields.mtime.sec, 136, 11);
  made.write(fields.typeFlag, 156, 'latin1');
  if (linkName !== '') made.write(linkName, 157, 100, 'latin1');
  made.write('ustar\u000000', 257, 'latin1');
  if (userName !== '') made.write(userName, 265, 31, 'latin1');
  if (groupName !== '') made.write(groupName, 297, 31, 'latin1');
  octal(devMajor, 329, 7);
  octal(devMinor, 337, 7);
  if (fields.prefix !== '') made.write(fields.prefix, 345, 155, 'latin1');
  made.fill(0x20, 148, 156);
  octal(sumOfBytes(madeWords), 148, 6);
  made[154] = 0;
  return Buffer.from(made);
}

/** Digits with zeros before them; zero for what does not fit, which a PAX record tells. */
function octal(value: number, at: number, digits: number): void {
  let rest = fitsOctal(value, digits) ? value : 0;
  for (let place = at + digits - 1; place >= at; place--) {
    made[place] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}
