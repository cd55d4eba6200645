import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { corrupt } from '../../../foundation/base/errors.ts';

/** Where a content is. */
export interface Place {
  pack: Pack;
  at: number;
  size: number;
}

export interface Pack {
  readonly file: FileHandle;
  readonly path: string;
  sizeBytes: number;
  lastUsedMs: number;
  /** Who reads or writes it; the file stays open until nobody does. */
  users: number;
  isGone: boolean;
}

export interface Packs {
  create(): Promise<Pack>;
  /** Keeps the pack's file readable until `release`. */
  hold(pack: Pack): void;
  release(pack: Pack): Promise<void>;
  /** Drops all packs, or the least recently used ones beyond the limits. Gives the bytes that were freed. */
  trim(limits: PackLimits): Promise<number>;
  list(): readonly Pack[];
}

export interface PackLimits {
  bytes: number;
  packs: number;
}

/** Contents in files of a directory, which is emptied when the engine starts. */
export function createPacks(directory: string, now: () => number): Packs {
  const packs = new Set<Pack>();
  let count = 0;

  const closeUnused = async (pack: Pack): Promise<void> => {
    if (pack.users === 0 && pack.isGone) await pack.file.close();
  };
  const drop = async (pack: Pack): Promise<void> => {
    packs.delete(pack);
    pack.isGone = true;
    await rm(pack.path, { force: true });
    await closeUnused(pack);
  };

  return {
    async create() {
      const path = join(directory, `context-${process.pid}-${count++}`);
      const file = await open(path, 'wx+', 0o600);
      const pack: Pack = { file, path, sizeBytes: 0, lastUsedMs: now(), users: 1, isGone: false };
      packs.add(pack);
      return pack;
    },
    hold(pack) {
      pack.users++;
    },
    async release(pack) {
      pack.users--;
      pack.lastUsedMs = now();
      if (pack.sizeBytes === 0 && !pack.isGone) await drop(pack);
      else await closeUnused(pack);
    },
    async trim({ bytes, packs: most }) {
      const oldest = [...packs].sort((a, b) => a.lastUsedMs - b.lastUsedMs);
      let total = oldest.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      let freed = 0;
      for (const [index, pack] of oldest.entries()) {
        if (total <= bytes && oldest.length - index <= most) break;
        total -= pack.sizeBytes;
        freed += pack.sizeBytes;
        await drop(pack);
      }
      return freed;
    },
    list: () => [...packs],
  };
}

const pieceBytes = 1 << 20;

/** Reads contents. They lie in the order in which they are mostly read: one read of the file serves many small ones. */
export function createPlaceReader(): (place: Place) => AsyncGenerator<Buffer> {
  let last: { pack?: Pack; at: number; bytes: Buffer } = { at: 0, bytes: Buffer.alloc(0) };
  return async function* read({ pack, at, size }) {
    for (let done = 0; done < size;) {
      const from = at + done;
      const isKnown =
        last.pack === pack &&
        from >= last.at &&
        from + Math.min(size - done, pieceBytes) <= last.at + last.bytes.length;
      if (!isKnown) {
        const bytes = Buffer.allocUnsafe(pieceBytes);
        const { bytesRead } = await pack.file.read(bytes, 0, bytes.length, from);
        if (bytesRead === 0)
          throw corrupt('a kept build context ended early', {
            hint: 'silo build cache prune, then build again',
          });
        last = { pack, at: from, bytes: bytes.subarray(0, bytesRead) };
      }
      const piece = last.bytes.subarray(from - last.at, from - last.at + size - done);
      done += piece.length;
      yield piece;
    }
  };
}

/** Appends to a pack, in large writes. */
export interface PackWriter {
  /** Where the next byte goes. */
  readonly at: number;
  write(bytes: Buffer): Promise<void> | undefined;
  flush(): Promise<void>;
}

export function createPackWriter(pack: Pack): PackWriter {
  let pieces: Buffer[] = [];
  let waiting = 0;
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(pieces);
    pieces = [];
    waiting = 0;
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await pack.file.write(bytes, done, bytes.length - done, pack.sizeBytes);
      done += bytesWritten;
      pack.sizeBytes += bytesWritten;
    }
  };
  return {
    get at() {
      return pack.sizeBytes + waiting;
    },
    write(bytes) {
      pieces.push(bytes);
      waiting += bytes.length;
      return waiting >= pieceBytes ? flush() : undefined;
    },
    flush,
  };
}
