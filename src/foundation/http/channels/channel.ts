import { Duplex } from 'node:stream';
import { type SiloError, toSiloError } from '../../base/errors.ts';
import { broken, mostPayloadBytes } from './frame.ts';
import type { FrameKind } from './frame.ts';

/** How many bytes of a channel may be on the way and unread. */
export const windowBytes = 1 << 20;
/** Less than this is not worth a frame. */
const creditStep = windowBytes / 4;

export interface ChannelPort {
  /** False asks to wait for `drained`. */
  send(kind: Exclude<FrameKind, 'open' | 'reset'>, payload?: Uint8Array): boolean;
  drained(): Promise<void>;
  /** This side gives the channel up. */
  reset(error: SiloError): void;
  /** Neither side will say anything more. */
  gone(): void;
}

export interface ChannelEnd {
  duplex: Duplex;
  take(kind: Exclude<FrameKind, 'open' | 'reset'>, payload: Buffer): void;
  /** The other side gave up, or the connection is gone. What it sent whole before can be read nevertheless. */
  fail(error: SiloError): void;
}

/** A promise as the callback of a stream. */
export async function settle(work: Promise<void>, callback: (error?: Error) => void): Promise<void> {
  let failure: Error | undefined;
  try {
    await work;
  } catch (error) {
    failure = toSiloError(error);
  }
  callback(failure);
}

/** One end of a channel as a duplex stream with a window in each direction. */
export function createChannel(port: ChannelPort): ChannelEnd {
  let credit = windowBytes;
  let granted = windowBytes;
  let consumed = 0;
  let queue: (Buffer | null)[] = [];
  let wanted = false;
  let hasTheirEnd = false;
  let hasOurEnd = false;
  let isOver = false;
  let wake: (() => void) | undefined;

  const over = (): void => {
    if (isOver) return;
    isOver = true;
    port.gone();
  };
  const deliver = (): void => {
    while (wanted && queue.length > 0) {
      const piece = queue.shift() ?? null;
      wanted = duplex.push(piece);
      if (piece === null) return;
      consumed += piece.length;
      if (consumed < creditStep || hasTheirEnd || isOver) continue;
      granted += consumed;
      const words = Buffer.alloc(4);
      words.writeUInt32BE(consumed);
      consumed = 0;
      port.send('credit', words);
    }
  };
  /** In pieces that fit a frame and the credit. */
  const write = async (chunk: Buffer): Promise<void> => {
    for (let at = 0; at < chunk.length;) {
      if (isOver) return;
      if (credit === 0) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      const end = at + Math.min(chunk.length - at, credit, mostPayloadBytes);
      credit -= end - at;
      const more = port.send('data', chunk.subarray(at, end));
      at = end;
      if (!more) await port.drained();
    }
  };

  const duplex = new Duplex({
    allowHalfOpen: true,
    readableHighWaterMark: mostPayloadBytes,
    writableHighWaterMark: mostPayloadBytes,
    read() {
      wanted = true;
      deliver();
    },
    write(chunk: Buffer, _encoding, callback) {
      void settle(write(chunk), callback);
    },
    final(callback) {
      hasOurEnd = true;
      if (!isOver) port.send('end');
      if (hasTheirEnd) over();
      callback();
    },
    destroy(error, callback) {
      if (!isOver && !(hasOurEnd && hasTheirEnd))
        port.reset(toSiloError(error ?? new DOMException('given up', 'AbortError')));
      over();
      queue = [];
      wake?.();
      callback(error);
    },
  });
  // Whoever reads or writes sees it; nobody may be there.
  duplex.on('error', () => undefined);

  return {
    duplex,
    take(kind, payload) {
      if (kind === 'credit') {
        if (payload.length !== 4) throw broken('credit without a number');
        credit += payload.readUInt32BE();
        if (credit > windowBytes) throw broken('more credit than there is');
        wake?.();
        wake = undefined;
        return;
      }
      if (hasTheirEnd) throw broken('data behind the end of a channel');
      if (kind === 'end') {
        hasTheirEnd = true;
        queue.push(null);
        if (hasOurEnd) over();
      } else {
        // It would cost nothing of the window, and room all the same.
        if (payload.length === 0) throw broken('data without bytes');
        if (payload.length > granted) throw broken('more data than was granted');
        granted -= payload.length;
        queue.push(payload);
      }
      deliver();
    },
    fail(error) {
      isOver = true;
      port.gone();
      // All that the other side had to say is here: whoever reads gets it first.
      if (!hasTheirEnd || duplex.readableEnded) return void duplex.destroy(error);
      duplex.once('end', () => duplex.destroy(error));
      wake?.();
      deliver();
    },
  };
}
