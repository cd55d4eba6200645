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

/** Decodes the block at `at`, whose checksum it verifies. `offset` is the block's place in the archive, for messages. */
export function decodeHeader(block: Buffer, at: number, offset: number): RawHeader {
  const name = text(block, at, 100);
  const number = (start: number, length: number, what: string): number =>
    parseNumber(block, at + start, length, () => corruptEntry(name, offset, `bad number in field "${what}"`));
  verifyChecksum(block, at, number(148, 8, 'checksum'), () =>
    corruptEntry(name, offset, 'header checksum does not match'),
  );
  const format = formatOf(block, at);
  const typeFlag = String.fromCharCode(block[at + 156] ?? 0);
  const isDevice = typeFlag === '3' || typeFlag === '4';
  const prefix = prefixOf(block, at, format);
  return {
    typeFlag,
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: block[at + 157] === 0 ? '' : text(block, at + 157, 100),
    mode: number(100, 8, 'mode') & 0o7777,
    uid: number(108, 8, 'uid'),
    gid: number(116, 8, 'gid'),
    size: number(124, 12, 'size'),
    mtime: number(136, 12, 'mtime'),
    userName: format === 'v7' ? '' : text(block, at + 265, 32),
    groupName: format === 'v7' ? '' : text(block, at + 297, 32),
    devMajor: isDevice ? number(329, 8, 'devmajor') : 0,
    devMinor: isDevice ? number(337, 8, 'devminor') : 0,
    format,
  };
}

function formatOf(block: Buffer, at: number): RawHeader['format'] {
  // "ustar\0" is POSIX, "ustar " GNU before POSIX; star marks the end of the block.
  if (block[at + 257] !== 0x75 || block.toString('latin1', at + 257, at + 262) !== 'ustar') return 'v7';
  if (block[at + 262] === 0x20) return 'gnu';
  return block[at + 508] === 0x74 && block.toString('latin1', at + 508, at + 512) === 'tar\0'
    ? 'star'
    : 'ustar';
}

function prefixOf(block: Buffer, at: number, format: RawHeader['format']): string {
  if (block[at + 345] === 0) return '';
  if (format === 'ustar') return text(block, at + 345, 155);
  return format === 'star' ? text(block, at + 345, 131) : '';
}

/** The bytes up to the first NUL, one character a byte. */
function text(block: Buffer, start: number, length: number): string {
  let end = start;
  const limit = start + length;
  while (end < limit && block[end] !== 0) end++;
  return block.toString('latin1', start, end);
}

/** Historic tars summed signed characters; both sums are accepted, as by GNU tar. */
function verifyChecksum(block: Buffer, at: number, wanted: number, failure: () => Error): void {
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let i = at; i < at + blockSize; i++) {
    const byte = block[i] ?? 0;
    unsigned += byte;
    if (byte > 127) high++;
  }
  for (let i = at + 148; i < at + 156; i++) {
    const byte = block[i] ?? 0;
    unsigned -= byte;
    if (byte > 127) high--;
  }
  if (wanted !== unsigned && wanted !== unsigned - 256 * high) throw failure();
}

/**
 * Octal digits between blanks, or GNU's base-256 (first bit set). Fails on anything else and on what a double cannot
 * hold exactly.
 */
export function parseNumber(block: Buffer, start: number, length: number, failure: () => Error): number {
  const first = block[start] ?? 0;
  if (first & 0x80) return parseBase256(block, start, length, failure);
  const end = start + length;
  let i = start;
  while (i < end && isBlank(block[i])) i++;
  let value = 0;
  for (; i < end && !isBlank(block[i]); i++) {
    const digit = (block[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) throw failure();
    value = value * 8 + digit;
  }
  return value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0;
}

/** Two's complement, big-endian, over the field without its first bit. */
function parseBase256(block: Buffer, start: number, length: number, failure: () => Error): number {
  const first = block[start] ?? 0;
  let value = first & 0x40 ? (first & 0x7f) - 0x80 : first & 0x7f;
  for (let i = start + 1; i < start + length; i++) {
    value = value * 256 + (block[i] ?? 0);
    if (!Number.isSafeInteger(value)) throw failure();
  }
  return value;
}
