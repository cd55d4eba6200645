/** DNS over TCP: every message is preceded by its length in two bytes (RFC 1035, 4.2.2). */
export interface FrameReader {
  push(bytes: Uint8Array): void;
}

export interface FrameHandlers {
  message(message: Uint8Array): void;
  /** One that is longer than allowed was announced: nothing more is read. */
  tooLong?(): void;
}

export function createFrameReader(
  handlers: FrameHandlers,
  { largestBytes = 0xffff }: { largestBytes?: number } = {},
): FrameReader {
  /** Pieces are joined when a message is whole, so that one that comes byte by byte costs no more than its length. */
  let pieces: Buffer[] = [];
  let held = 0;
  let needed = 2;
  let isOver = false;
  return {
    push(bytes) {
      if (isOver) return;
      pieces.push(Buffer.from(bytes));
      held += bytes.length;
      while (held >= needed) {
        const [first] = pieces;
        const all = first && pieces.length === 1 ? first : Buffer.concat(pieces);
        const length = all.readUInt16BE(0);
        isOver = length > largestBytes;
        if (isOver) {
          pieces = [];
          handlers.tooLong?.();
          return;
        }
        needed = 2 + length;
        const isWhole = held >= needed;
        if (isWhole) handlers.message(all.subarray(2, needed));
        pieces = [isWhole ? all.subarray(needed) : all];
        held = pieces[0]?.length ?? 0;
        if (!isWhole) return;
        needed = 2;
      }
    },
  };
}

export function frame(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(2 + message.length);
  bytes.writeUInt16BE(message.length, 0);
  bytes.set(message, 2);
  return bytes;
}
