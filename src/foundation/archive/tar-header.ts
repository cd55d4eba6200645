import { corruptEntry } from './tar-limits.ts';

/** Size of a tar block; headers and padded contents are multiples of it. */
export const blockSize = 512;

/** The fields of one header block as they stand there, before extensions. POSIX.1-2017 pax, "ustar Interchange Format". */
export interface RawHeader {
  typeFlag: string;
  name: string;
  linkName: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  userName: string;
  groupName: string;
  devMajor: number;
  devMinor: number;
  format: 'ustar' | 'gnu' | 'star' | 'v7';
}

export function isZeroBlock(block: Buffer, at: number): boolean {
  for (let i = at; i < at + blockSize; i++) if (block[i] !== 0) return false;
  return true;
}

/** The header that is being decoded, as bytes and as words: always at the same place, for which the compiler's first tiers are quick. */
const head = Buffer.from(new ArrayBuffer(blockSize));
const words = new Int32Array(head.buffer);

/** Decodes the block at `at`, whose checksum it verifies. `offset` is the block's place in the archive, for messages. */
export function decodeHeader(block: Buffer, at: number, offset: number): RawHeader {
  block.copy(head, 0, at, at + blockSize);
  const name = text(0, 100);
  if (!isChecksumRight(field(148, 8, 'checksum', name, offset)))
    throw corruptEntry(name, offset, 'header checksum does not match');
  const format = formatOf();
  const typeFlag = String.fromCharCode(head[156] ?? 0);
  const isDevice = typeFlag === '3' || typeFlag === '4';
  const prefix = prefixOf(format);
  return {
    typeFlag,
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: text(157, 100),
    mode: field(100, 8, 'mode', name, offset) & 0o7777,
    uid: field(108, 8, 'uid', name, offset),
    gid: field(116, 8, 'gid', name, offset),
    size: field(124, 12, 'size', name, offset),
    mtime: field(136, 12, 'mtime', name, offset),
    userName: format === 'v7' ? '' : text(265, 32),
    groupName: format === 'v7' ? '' : text(297, 32),
    devMajor: isDevice ? field(329, 8, 'devmajor', name, offset) : 0,
    devMinor: isDevice ? field(337, 8, 'devminor', name, offset) : 0,
    format,
  };
}

function field(start: number, length: number, what: string, name: string, offset: number): number {
  const value = readNumber(head, start, length);
  if (value !== value) throw corruptEntry(name, offset, `bad number in field "${what}"`);
  return value;
}

function formatOf(): RawHeader['format'] {
  // "ustar\0" is POSIX, "ustar " GNU before POSIX; star marks the end of the block.
  if (head[257] !== 0x75 || head.toString('latin1', 257, 262) !== 'ustar') return 'v7';
  if (head[262] === 0x20) return 'gnu';
  return head[508] === 0x74 && head.toString('latin1', 508, 512) === 'tar\0' ? 'star' : 'ustar';
}

function prefixOf(format: RawHeader['format']): string {
  if (head[345] === 0) return '';
  if (format === 'ustar') return text(345, 155);
  return format === 'star' ? text(345, 131) : '';
}

/** The bytes up to the first NUL, one character a byte. */
function text(start: number, length: number): string {
  if (head[start] === 0) return '';
  const limit = start + length;
  const end = head.indexOf(0, start);
  return head.toString('latin1', start, end < 0 || end > limit ? limit : end);
}

/** The sum of a block's bytes, four at a time in two pairs of sums: one by one takes most of what a header costs. */
export function sumOfBytes(block: Int32Array): number {
  let even = 0;
  let odd = 0;
  for (let i = 0; i < blockSize / 4; i++) {
    const four = block[i] ?? 0;
    even += four & 0xff00ff;
    odd += (four >>> 8) & 0xff00ff;
  }
  return (even & 0xffff) + (even >>> 16) + (odd & 0xffff) + (odd >>> 16);
}

/** Its own field counts as blanks. Historic tars summed signed characters; both sums are accepted, as by GNU tar. */
function isChecksumRight(wanted: number): boolean {
  let sum = sumOfBytes(words) + 8 * 0x20;
  for (let i = 148; i < 156; i++) sum -= head[i] ?? 0;
  return wanted === sum || wanted === sum - 256 * highBytes();
}

function highBytes(): number {
  let count = 0;
  for (let i = 0; i < blockSize; i++) if ((head[i] ?? 0) > 127 && (i < 148 || i >= 156)) count++;
  return count;
}

/**
 * Octal digits between blanks, or GNU's base-256 (first bit set). Fails on anything else and on what a double cannot
 * hold exactly.
 */
export function parseNumber(block: Buffer, start: number, length: number, failure: () => Error): number {
  const value = readNumber(block, start, length);
  if (value !== value) throw failure();
  return value;
}

/** As `parseNumber`; NaN in place of a failure. */
function readNumber(block: Buffer, start: number, length: number): number {
  if ((block[start] ?? 0) & 0x80) return readBase256(block, start, length);
  const end = start + length;
  let i = start;
  let byte = block[i] ?? 0;
  while (i < end && (byte === 0x20 || byte === 0)) byte = block[++i] ?? 0;
  let value = 0;
  while (i < end && byte !== 0x20 && byte !== 0) {
    if (byte < 0x30 || byte > 0x37) return Number.NaN;
    value = value * 8 + byte - 0x30;
    byte = block[++i] ?? 0;
  }
  return value;
}

/** Two's complement, big-endian, over the field without its first bit. */
function readBase256(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0;
  let value = first & 0x40 ? (first & 0x7f) - 0x80 : first & 0x7f;
  for (let i = start + 1; i < start + length; i++) {
    value = value * 256 + (block[i] ?? 0);
    if (!Number.isSafeInteger(value)) return Number.NaN;
  }
  return value;
}
