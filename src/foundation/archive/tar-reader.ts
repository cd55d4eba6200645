import { type PaxRecord, parsePax } from './pax.ts';
import { createSparseTextReader, readOldGnuPairs, type SparseMap } from './sparse.ts';
import { type BuiltEntry, buildEntry, setSparseMap, type TarEntry, tooManyRegions } from './tar-entry.ts';
import { blockSize, decodeHeader, isZeroBlock, parseNumber, type RawHeader } from './tar-header.ts';
import { archiveTooBig, corruptEntry, defaultTarLimits, type TarLimits } from './tar-limits.ts';

/**
 * What a reader tells its user, synchronously and in order: `entry`, then for a file its bytes with their place in the file
 * (holes of sparse files are not delivered), then `end`. The bytes are valid only during the call.
 */
export interface TarHandler {
  entry(entry: TarEntry): void;
  data(bytes: Buffer, position: number): void;
  end(): void;
}

/** A push parser: give it the archive in pieces of any size, then `finish`. Throws kind `corrupt`; then it is dead. */
export interface TarReader {
  push(chunk: Uint8Array): void;
  finish(): void;
  /** Bytes seen. */
  readonly offset: number;
}

type Mode = 'header' | 'extension' | 'old-sparse' | 'sparse-text' | 'data' | 'discard' | 'end';

interface State {
  readonly handler: TarHandler;
  readonly limits: TarLimits;
  mode: Mode;
  /** Archive offset of the next byte. */
  offset: number;
  /** A block that straddles chunks. */
  readonly partial: Buffer;
  partialBytes: number;
  entries: number;
  extension: { flag: string; payload: Buffer; filled: number } | undefined;
  readonly global: Map<string, string>;
  globalBytes: number;
  local: readonly PaxRecord[] | undefined;
  longName: string | undefined;
  longLink: string | undefined;
  current: BuiltEntry | undefined;
  /** Bytes of content, then of padding, that are still to come. */
  remaining: number;
  padding: number;
  /** Place in the file of the next byte of data, and the sparse region that it is in. */
  position: number;
  region: number;
  oldMap: SparseMap;
  sparseText: ((block: Buffer) => SparseMap | undefined) | undefined;
}

export function createTarReader(handler: TarHandler, limits: TarLimits = defaultTarLimits): TarReader {
  const state: State = {
    handler,
    limits,
    mode: 'header',
    offset: 0,
    partial: Buffer.alloc(blockSize),
    partialBytes: 0,
    entries: 0,
    extension: undefined,
    global: new Map(),
    globalBytes: 0,
    local: undefined,
    longName: undefined,
    longLink: undefined,
    current: undefined,
    remaining: 0,
    padding: 0,
    position: 0,
    region: 0,
    oldMap: [],
    sparseText: undefined,
  };
  return {
    push: (chunk) => push(state, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)),
    finish: () => finish(state),
    get offset() {
      return state.offset;
    },
  };
}

function push(state: State, chunk: Buffer): void {
  if (state.offset + chunk.length > state.limits.maxTarBytes)
    throw archiveTooBig('', state.offset, `archive is larger than ${state.limits.maxTarBytes} bytes`);
  let at = 0;
  while (at < chunk.length) {
    const used = step(state, chunk, at);
    at += used;
    state.offset += used;
  }
}

/** Consumes at least one byte of the chunk. */
function step(state: State, chunk: Buffer, at: number): number {
  switch (state.mode) {
    case 'header':
    case 'old-sparse':
    case 'sparse-text':
      return takeBlock(state, chunk, at);
    case 'extension':
      return takeExtension(state, chunk, at);
    case 'data':
      return takeData(state, chunk, at);
    case 'discard':
      return discard(state, chunk, at);
    case 'end':
      // Like GNU tar: what follows the end (padding to the record size, or junk) is not looked at.
      return chunk.length - at;
  }
}

function takeBlock(state: State, chunk: Buffer, at: number): number {
  const available = chunk.length - at;
  if (state.partialBytes === 0 && available >= blockSize) {
    onBlock(state, chunk, at, state.offset);
    return blockSize;
  }
  const used = Math.min(available, blockSize - state.partialBytes);
  chunk.copy(state.partial, state.partialBytes, at, at + used);
  state.partialBytes += used;
  if (state.partialBytes === blockSize) {
    state.partialBytes = 0;
    onBlock(state, state.partial, 0, state.offset + used - blockSize);
  }
  return used;
}

function onBlock(state: State, block: Buffer, at: number, offset: number): void {
  if (state.mode === 'header') onHeader(state, block, at, offset);
  else if (state.mode === 'old-sparse') onOldSparse(state, block, at);
  else onSparseText(state, block, at);
}

function onHeader(state: State, block: Buffer, at: number, offset: number): void {
  if (block[at] === 0 && isZeroBlock(block, at)) {
    // Two zero blocks end an archive; a lone one does too, with GNU tar.
    if (hasPendingExtension(state)) throw corruptEntry('', offset, 'archive ends after an extension header');
    state.mode = 'end';
    return;
  }
  const raw = decodeHeader(block, at, offset);
  if (++state.entries > state.limits.maxEntries)
    throw archiveTooBig(raw.name, offset, `archive has more than ${state.limits.maxEntries} entries`);
  switch (raw.typeFlag) {
    case 'x':
    case 'X':
    case 'g':
    case 'L':
    case 'K':
      startExtension(state, raw, offset);
      return;
    case 'V':
      // A volume label is not a file.
      startDiscard(state, padded(Math.max(raw.size, 0)));
      return;
    default:
      startEntry(state, raw, block, at, offset);
  }
}

function hasPendingExtension(state: State): boolean {
  return state.local !== undefined || state.longName !== undefined || state.longLink !== undefined;
}

function padded(size: number): number {
  return Math.ceil(size / blockSize) * blockSize;
}

function startExtension(state: State, raw: RawHeader, offset: number): void {
  if (raw.size < 0 || raw.size > state.limits.maxExtensionBytes)
    throw archiveTooBig(raw.name, offset, `extension header claims ${raw.size} bytes`);
  state.extension = { flag: raw.typeFlag, payload: Buffer.allocUnsafe(raw.size), filled: 0 };
  if (raw.size === 0) endExtension(state);
  else state.mode = 'extension';
}

function takeExtension(state: State, chunk: Buffer, at: number): number {
  const { extension } = state;
  if (!extension) throw corruptEntry('', state.offset, 'no extension is open');
  const used = Math.min(chunk.length - at, extension.payload.length - extension.filled);
  chunk.copy(extension.payload, extension.filled, at, at + used);
  extension.filled += used;
  if (extension.filled === extension.payload.length) endExtension(state);
  return used;
}

function endExtension(state: State): void {
  const { extension, offset } = state;
  if (!extension) return;
  const { flag, payload } = extension;
  state.extension = undefined;
  if (flag === 'L') state.longName = untilNul(payload);
  else if (flag === 'K') state.longLink = untilNul(payload);
  else {
    const records = parsePax(payload, (what) => corruptEntry('', offset, what));
    if (flag === 'g') mergeGlobal(state, records);
    else state.local = records;
  }
  startDiscard(state, padded(payload.length) - payload.length);
}

function untilNul(payload: Buffer): string {
  const end = payload.indexOf(0);
  return payload.toString('latin1', 0, end < 0 ? payload.length : end);
}

function mergeGlobal(state: State, records: readonly PaxRecord[]): void {
  for (const [key, value] of records) {
    // A global file type, size or map would make every later entry a lie; nobody writes them.
    if (key.startsWith('GNU.sparse.') || key === 'size' || key === 'path' || key === 'linkpath') continue;
    const before = state.global.get(key);
    state.globalBytes += value.length + (before === undefined ? key.length : -before.length);
    state.global.set(key, value);
  }
  // They stay in memory to the end of the archive.
  if (state.global.size > 1000 || state.globalBytes > state.limits.maxExtensionBytes)
    throw archiveTooBig('', state.offset, 'too many global PAX records');
}

function startEntry(state: State, raw: RawHeader, block: Buffer, at: number, offset: number): void {
  const { global, local, longName, longLink } = state;
  const built = buildEntry(raw, { global, local, longName, longLink }, offset, state.limits);
  state.local = state.longName = state.longLink = undefined;
  state.current = built;
  if (raw.typeFlag === 'S') {
    startOldSparse(state, built, block, at);
    return;
  }
  if (built.hasSparseText) {
    const { entry } = built;
    state.sparseText = createSparseTextReader(state.limits.maxSparseRegions, () =>
      corruptEntry(entry.name, offset, 'bad sparse map'),
    );
    state.mode = 'sparse-text';
    if (built.storedBytes < blockSize) throw corruptEntry(entry.name, offset, 'sparse map is missing');
    return;
  }
  startContent(state, built);
}

function startOldSparse(state: State, built: BuiltEntry, block: Buffer, at: number): void {
  const { entry } = built;
  const failure = (): Error => corruptEntry(entry.name, entry.offset, 'bad sparse map');
  entry.size = parseNumber(block, at + 483, 12, failure);
  if (entry.size < 0 || entry.size > state.limits.maxFileBytes)
    throw archiveTooBig(entry.name, entry.offset, `file claims ${entry.size} bytes`);
  state.oldMap = [];
  readOldGnuPairs(block, at + 386, 4, state.oldMap, failure);
  if (block[at + 482] !== 0) state.mode = 'old-sparse';
  else endOldSparse(state, built);
}

function onOldSparse(state: State, block: Buffer, at: number): void {
  const built = currentEntry(state);
  const { entry } = built;
  readOldGnuPairs(block, at, 21, state.oldMap, () =>
    corruptEntry(entry.name, entry.offset, 'bad sparse map'),
  );
  if (state.oldMap.length > 2 * state.limits.maxSparseRegions) throw tooManyRegions(entry);
  // A full map's extension blocks all count, so that a chain of empty ones ends too.
  if (++state.entries > state.limits.maxEntries) throw tooManyRegions(entry);
  if (block[at + 504] === 0) endOldSparse(state, built);
}

function endOldSparse(state: State, built: BuiltEntry): void {
  setSparseMap(built.entry, state.oldMap, built.storedBytes);
  state.oldMap = [];
  startContent(state, built);
}

function onSparseText(state: State, block: Buffer, at: number): void {
  const built = currentEntry(state);
  const map = state.sparseText?.(block.subarray(at, at + blockSize));
  built.storedBytes -= blockSize;
  if (map) {
    state.sparseText = undefined;
    setSparseMap(built.entry, map, built.storedBytes);
    startContent(state, built);
  } else if (built.storedBytes < blockSize)
    throw corruptEntry(built.entry.name, built.entry.offset, 'sparse map does not end');
}

function currentEntry(state: State): BuiltEntry {
  if (!state.current) throw corruptEntry('', state.offset, 'no entry is open');
  return state.current;
}

function startContent(state: State, built: BuiltEntry): void {
  const { entry, storedBytes } = built;
  state.handler.entry(entry);
  state.padding = padded(storedBytes) - storedBytes;
  if (storedBytes === 0 || entry.type !== 'file') {
    state.handler.end();
    startDiscard(state, storedBytes + state.padding);
    return;
  }
  state.remaining = storedBytes;
  state.region = 0;
  state.position = entry.sparse?.[0] ?? 0;
  state.mode = 'data';
}

function takeData(state: State, chunk: Buffer, at: number): number {
  const { entry } = currentEntry(state);
  let used = Math.min(chunk.length - at, state.remaining);
  if (entry.sparse) {
    used = Math.min(used, leftInRegion(state, entry.sparse));
  }
  state.handler.data(chunk.subarray(at, at + used), state.position);
  state.position += used;
  state.remaining -= used;
  if (state.remaining === 0) {
    state.handler.end();
    startDiscard(state, state.padding);
  }
  return used;
}

/** Moves on to the region that holds the next byte; `remaining` > 0 says that there is one. */
function leftInRegion(state: State, map: SparseMap): number {
  for (;;) {
    const offset = map[state.region] ?? 0;
    const left = offset + (map[state.region + 1] ?? 0) - state.position;
    if (left > 0) return left;
    state.region += 2;
    state.position = map[state.region] ?? 0;
  }
}

function startDiscard(state: State, bytes: number): void {
  state.remaining = bytes;
  state.mode = bytes === 0 ? 'header' : 'discard';
}

function discard(state: State, chunk: Buffer, at: number): number {
  const used = Math.min(chunk.length - at, state.remaining);
  state.remaining -= used;
  if (state.remaining === 0) state.mode = 'header';
  return used;
}

/** GNU tar and Go accept an archive that stops between entries without zero blocks; a digest tells whether it is whole. */
function finish(state: State): void {
  if (state.mode === 'end') return;
  if (state.mode !== 'header' || state.partialBytes > 0 || hasPendingExtension(state)) {
    const name = state.mode === 'header' ? '' : (state.current?.entry.name ?? '');
    throw corruptEntry(name, state.offset, 'archive is truncated');
  }
}
