import { corrupt } from '../base/errors.ts';

/**
 * Follows the framing of a zstd stream (RFC 8878, section 3.1) to tell whether it ends where a frame ends: the runtime's
 * decompressor takes the end of the input for the end of the data. Contents are not looked at.
 */
export interface ZstdFrames {
  push(chunk: Uint8Array): void;
  /** Throws kind `corrupt` inside a frame. */
  finish(): void;
}

interface Progress {
  /** Bytes of a small field, gathered until `wanted` are there. */
  field: number[];
  wanted: number;
  next: 'magic' | 'descriptor' | 'header' | 'block' | 'skippable' | 'checksum';
  /** Bytes to pass over. */
  skip: number;
  hasChecksum: boolean;
}

export function createZstdFrames(): ZstdFrames {
  const progress: Progress = { field: [], wanted: 4, next: 'magic', skip: 0, hasChecksum: false };
  return {
    push(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (progress.skip > 0) {
          const used = Math.min(progress.skip, chunk.length - at);
          progress.skip -= used;
          at += used;
          continue;
        }
        progress.field.push(chunk[at++] ?? 0);
        if (progress.field.length === progress.wanted) advance(progress);
      }
    },
    finish() {
      if (progress.next !== 'magic' || progress.field.length > 0 || progress.skip > 0)
        throw notSound('is truncated');
    },
  };
}

function advance(progress: Progress): void {
  const { field } = progress;
  progress.field = [];
  const value = field.reduceRight((sum, byte) => sum * 256 + byte, 0);
  switch (progress.next) {
    case 'magic':
      if (value === 0xfd2fb528) expect(progress, 'descriptor', 1);
      else if (value >= 0x184d2a50 && value <= 0x184d2a5f) expect(progress, 'skippable', 4);
      else throw notSound('holds something that is no frame');
      return;
    case 'skippable':
      progress.skip = value;
      expect(progress, 'magic', 4);
      return;
    case 'descriptor': {
      progress.hasChecksum = (value & 0x04) !== 0;
      const rest = headerBytes(value);
      if (rest === 0) expect(progress, 'block', 3);
      else expect(progress, 'header', rest);
      return;
    }
    case 'header':
      expect(progress, 'block', 3);
      return;
    case 'block':
      onBlock(progress, value);
      return;
    case 'checksum':
      expect(progress, 'magic', 4);
  }
}

function expect(progress: Progress, next: Progress['next'], bytes: number): void {
  progress.next = next;
  progress.wanted = bytes;
}

/** Window descriptor, dictionary id and content size that follow the descriptor byte. */
function headerBytes(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  return (singleSegment ? 0 : 1) + dictionary + contentSize;
}

function onBlock(progress: Progress, header: number): void {
  const isLast = (header & 1) === 1;
  const type = (header >> 1) & 3;
  if (type === 3) throw notSound('has a block of the reserved type');
  // A block of the type RLE is one byte, however often it is repeated.
  progress.skip = type === 1 ? 1 : header >> 3;
  if (!isLast) expect(progress, 'block', 3);
  else if (progress.hasChecksum) expect(progress, 'checksum', 4);
  else expect(progress, 'magic', 4);
}

function notSound(what: string): Error {
  return corrupt(`zstd archive ${what}`, { code: 'archive-corrupt', hint: 'fetch or build the image again' });
}
