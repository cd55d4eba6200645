import { corrupt } from '../base/errors.ts';

/*
 * bzip2 (the format as its reference implementation writes it; there is no standard): blocks of up to 900,000 bytes, each run-length coded, sorted
 * (Burrows-Wheeler), moved to front and Huffman coded.
 */

/** Where bytes come from: the next piece, or undefined at the end. */
type NextPiece = () => Promise<Uint8Array | undefined>;

const blockMagic = [0x314159, 0x265359] as const;
const endMagic = [0x177245, 0x385090] as const;
const longestCode = 20;
const groupSymbols = 50;
const outputBytes = 1 << 18;

const broken = (what: string) =>
  corrupt(`archive is not sound bzip2: ${what}`, {
    code: 'archive-corrupt',
    hint: 'fetch or build the image again',
  });

interface Bits {
  /** At most 24 at a time. */
  take(count: number): Promise<number> | number;
  isAtEnd(): Promise<boolean>;
  align(): void;
}

function createBits(next: NextPiece): Bits {
  let piece: Uint8Array = new Uint8Array();
  let at = 0;
  let value = 0;
  let held = 0;
  const refill = async (): Promise<boolean> => {
    while (at >= piece.length) {
      const more = await next();
      if (more === undefined) return false;
      piece = more;
      at = 0;
    }
    return true;
  };
  const finish = (count: number): number => {
    held -= count;
    const result = (value >>> held) & ((1 << count) - 1);
    value &= (1 << held) - 1;
    return result;
  };
  const takeSlowly = async (count: number): Promise<number> => {
    while (held < count) {
      if (!(await refill())) throw broken('it ends early');
      value = (value << 8) | (piece[at++] ?? 0);
      held += 8;
    }
    return finish(count);
  };
  return {
    take(count) {
      while (held < count) {
        if (at >= piece.length) return takeSlowly(count);
        value = (value << 8) | (piece[at++] ?? 0);
        held += 8;
      }
      return finish(count);
    },
    isAtEnd: async () => held < 8 && !(await refill()),
    align() {
      held -= held % 8;
      value &= (1 << held) - 1;
    },
  };
}

interface Table {
  /** By length of code: the largest code, and what leads from a code to its place in `symbols`. */
  limits: Int32Array;
  offsets: Int32Array;
  symbols: Uint16Array;
  shortest: number;
}

function createTable(lengths: readonly number[]): Table {
  const counts = new Int32Array(longestCode + 2);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  const symbols = new Uint16Array(lengths.length);
  let filled = 0;
  const limits = new Int32Array(longestCode + 2).fill(-1);
  const offsets = new Int32Array(longestCode + 2);
  let code = 0;
  for (let length = 1; length <= longestCode; length++) {
    offsets[length] = filled - code;
    for (const [symbol, own] of lengths.entries()) if (own === length) symbols[filled++] = symbol;
    code += counts[length] ?? 0;
    limits[length] = code - 1;
    code <<= 1;
  }
  return { limits, offsets, symbols, shortest: Math.min(...lengths) };
}

/** The uncompressed bytes. Gives the event loop a turn through `pace`. Streams may follow one another. */
export async function* bunzip(
  source: AsyncIterable<Uint8Array>,
  pace: () => Promise<void> | undefined,
): AsyncGenerator<Buffer> {
  const pieces = source[Symbol.asyncIterator]();
  const bits = createBits(async () => {
    const { done, value } = await pieces.next();
    return done ? undefined : value;
  });
  try {
    for (let streams = 0; streams === 0 || !(await bits.isAtEnd()); streams++) yield* readStream(bits, pace);
  } finally {
    await pieces.return?.();
  }
}

async function* readStream(bits: Bits, pace: () => Promise<void> | undefined): AsyncGenerator<Buffer> {
  if ((await bits.take(24)) !== 0x425a68) throw broken('it does not begin as it should');
  const level = (await bits.take(8)) - 0x30;
  if (level < 1 || level > 9) throw broken('its block size is none');
  const block = new Uint32Array(level * 100_000);
  let whole = 0;
  for (;;) {
    const magic = [await bits.take(24), await bits.take(24)];
    const sum = (((await bits.take(16)) << 16) | (await bits.take(16))) >>> 0;
    if (magic[0] === endMagic[0] && magic[1] === endMagic[1]) {
      if (sum !== whole) throw broken('its checksum is wrong');
      bits.align();
      return;
    }
    if (magic[0] !== blockMagic[0] || magic[1] !== blockMagic[1]) throw broken('a block is missing');
    const { length, start } = await readBlock(bits, block, pace);
    const crc = { value: 0xffffffff };
    for (const piece of unsort(block, length, start, crc)) {
      const turn = pace();
      if (turn) await turn;
      yield piece;
    }
    const own = ~crc.value >>> 0;
    if (own !== sum) throw broken('the checksum of a block is wrong');
    whole = (((whole << 1) | (whole >>> 31)) ^ own) >>> 0;
  }
}

/** Fills `block` with the last column of the sorted rotations. */
async function readBlock(
  bits: Bits,
  block: Uint32Array,
  pace: () => Promise<void> | undefined,
): Promise<{ length: number; start: number }> {
  if ((await bits.take(1)) === 1) throw broken('it is randomised, which no program has written for decades');
  const start = await bits.take(24);
  const { bytes, tables, selectors } = await readTables(bits);
  const order = Uint8Array.from(bytes);
  const end = bytes.length + 1;
  let length = 0;
  let run = 0;
  let weight = 1;
  let group = 0;
  let left = 0;
  let table: Table | undefined;
  for (;;) {
    if (left === 0) {
      table = tables[selectors[group++] ?? -1];
      left = groupSymbols;
      const turn = group % 64 === 0 ? pace() : undefined;
      if (turn) await turn;
    }
    if (!table) throw broken('it has too few selectors');
    left--;
    let width = table.shortest;
    let taken = bits.take(width);
    let code = typeof taken === 'number' ? taken : await taken;
    while (code > (table.limits[width] ?? -1)) {
      if (++width > longestCode) throw broken('a code is none');
      taken = bits.take(1);
      code = (code << 1) | (typeof taken === 'number' ? taken : await taken);
    }
    const symbol = table.symbols[code + (table.offsets[width] ?? 0)] ?? end;
    if (symbol <= 1) {
      run += weight << symbol;
      weight <<= 1;
      if (run > block.length) throw broken('a block is too long');
      continue;
    }
    if (run > 0) {
      if (length + run > block.length) throw broken('a block is too long');
      block.fill(order[0] ?? 0, length, length + run);
      length += run;
      run = 0;
      weight = 1;
    }
    if (symbol === end) break;
    if (length >= block.length) throw broken('a block is too long');
    const byte = order[symbol - 1] ?? 0;
    order.copyWithin(1, 0, symbol - 1);
    order[0] = byte;
    block[length++] = byte;
  }
  if (start >= length) throw broken('a block begins nowhere');
  return { length, start };
}

async function readTables(bits: Bits): Promise<{ bytes: number[]; tables: Table[]; selectors: Uint8Array }> {
  const used = await bits.take(16);
  const bytes: number[] = [];
  for (let row = 0; row < 16; row++) {
    if ((used & (0x8000 >> row)) === 0) continue;
    const map = await bits.take(16);
    for (let column = 0; column < 16; column++)
      if ((map & (0x8000 >> column)) !== 0) bytes.push(row * 16 + column);
  }
  const count = await bits.take(3);
  const selectorCount = await bits.take(15);
  if (bytes.length === 0 || count < 2 || count > 6 || selectorCount === 0)
    throw broken('the tables of a block are none');
  const recent = [0, 1, 2, 3, 4, 5].slice(0, count);
  const selectors = new Uint8Array(selectorCount);
  for (let at = 0; at < selectorCount; at++) {
    let place = 0;
    while ((await bits.take(1)) === 1) if (++place >= count) throw broken('a selector is none');
    const [chosen = 0] = recent.splice(place, 1);
    recent.unshift(chosen);
    selectors[at] = chosen;
  }
  const tables: Table[] = [];
  for (let each = 0; each < count; each++) {
    const lengths: number[] = [];
    let length = await bits.take(5);
    for (let symbol = 0; symbol < bytes.length + 2; symbol++) {
      while ((await bits.take(1)) === 1) length += (await bits.take(1)) === 1 ? -1 : 1;
      if (length < 1 || length > longestCode) throw broken('the length of a code is none');
      lengths.push(length);
    }
    tables.push(createTable(lengths));
  }
  return { bytes, tables, selectors };
}

/** Walks the rotations back to the text, and unfolds runs: four equal bytes are followed by how many more there are. */
function* unsort(
  block: Uint32Array,
  length: number,
  start: number,
  crc: { value: number },
): Generator<Buffer> {
  const places = new Uint32Array(257);
  for (let at = 0; at < length; at++) {
    const next = ((block[at] ?? 0) & 0xff) + 1;
    places[next] = (places[next] ?? 0) + 1;
  }
  for (let byte = 1; byte < 257; byte++) places[byte] = (places[byte] ?? 0) + (places[byte - 1] ?? 0);
  for (let at = 0; at < length; at++) {
    const byte = (block[at] ?? 0) & 0xff;
    const place = places[byte] ?? 0;
    places[byte] = place + 1;
    block[place] = (block[place] ?? 0) | (at << 8);
  }
  let output = Buffer.allocUnsafe(outputBytes);
  let filled = 0;
  let position = (block[start] ?? 0) >>> 8;
  let same = 0;
  let last = -1;
  let sum = crc.value;
  for (let at = 0; at < length; at++) {
    const entry = block[position] ?? 0;
    const byte = entry & 0xff;
    position = entry >>> 8;
    let count = 1;
    if (same === 4) {
      count = byte;
      same = 0;
    } else {
      same = byte === last ? same + 1 : 1;
      last = byte;
    }
    const written = same === 0 ? last : byte;
    if (same === 0) last = -1;
    if (filled + count > outputBytes) {
      crc.value = sum;
      yield output.subarray(0, filled);
      output = Buffer.allocUnsafe(outputBytes);
      filled = 0;
    }
    for (; count > 0; count--) {
      output[filled++] = written;
      sum = ((sum << 8) ^ (crcTable[(sum >>> 24) ^ written] ?? 0)) >>> 0;
    }
  }
  crc.value = sum;
  if (filled > 0) yield output.subarray(0, filled);
}

/** CRC-32 with the most significant bit first. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c11db7 : value << 1;
  return value >>> 0;
});
