import { entryWidth, type LogBlock, type LogEntry } from './logs.ts';

const newline = 0x0a;
const space = 0x20;
const fullTag = 0x46;
/** `2026-01-02T03:04:05.000000000+00:00 stdout F ` */
const timeLength = 35;
const headerLength = 45;

export interface ParsedBlock extends LogBlock {
  /** Bytes up to the end of the last whole line. */
  consumed: number;
}

/** Parses the whole lines of `bytes`; lines that are not in the format are skipped. */
export function parseBlock(bytes: Buffer): ParsedBlock {
  // No line is shorter than its header and newline, but skipped ones are: grow when needed.
  let index = new Uint32Array((Math.floor(bytes.length / headerLength) + 1) * entryWidth);
  let count = 0;
  let position = 0;
  for (;;) {
    const end = bytes.indexOf(newline, position);
    if (end === -1) break;
    if (count * entryWidth === index.length) index = grow(index);
    if (parseLine(bytes, position, end, index, count * entryWidth)) count++;
    position = end + 1;
  }
  return { bytes, index, count, consumed: position };
}

/** Fills five numbers at `slot`; false when the line is not in the format. */
function parseLine(bytes: Buffer, start: number, end: number, index: Uint32Array, slot: number): boolean {
  const fixed =
    bytes[start + timeLength] === space && bytes[start + 42] === space && bytes[start + 44] === space;
  const timeEnd = fixed ? start + timeLength : bytes.indexOf(space, start);
  const textStart = timeEnd + (headerLength - timeLength);
  if (timeEnd < start || textStart > end) return false;
  const stream = streamAt(bytes, timeEnd + 1);
  if (stream === 0 || bytes[textStart - 1] !== space) return false;
  index[slot] = stream;
  index[slot + 1] = start;
  index[slot + 2] = timeEnd;
  index[slot + 3] = textStart;
  // The newline belongs to the text of a full line; after a partial one the monitor added it.
  index[slot + 4] = bytes[textStart - 2] === fullTag ? end + 1 : end;
  return true;
}

/** The fourth letter tells `stdout` from `stderr`. */
function streamAt(bytes: Buffer, start: number): 0 | 1 | 2 {
  if (bytes[start] !== 0x73 || bytes[start + 6] !== space) return 0;
  if (bytes[start + 3] === 0x6f) return 1;
  return bytes[start + 3] === 0x65 ? 2 : 0;
}

function grow(index: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(index.length * 2);
  larger.set(index);
  return larger;
}

/** The entries of a block as objects; their text shares the block's memory. */
export function toEntries({ bytes, index, count }: LogBlock): LogEntry[] {
  const entries: LogEntry[] = [];
  for (let slot = 0; slot < count * entryWidth; slot += entryWidth)
    entries.push({
      stream: index[slot] === 1 ? 'stdout' : 'stderr',
      time: formatTime(bytes.toString('latin1', index[slot + 1], index[slot + 2])),
      text: bytes.subarray(index[slot + 3], index[slot + 4]),
    });
  return entries;
}

function formatTime(text: string): string {
  return text.endsWith('+00:00') ? `${text.slice(0, -6)}Z` : text;
}
