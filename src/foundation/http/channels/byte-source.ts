import type { Readable } from 'node:stream';
import { corrupt, unavailable } from '../../base/errors.ts';

/** Takes what a protocol of lines and bytes sends, piece by piece; nothing is read ahead of what is asked for. */
export interface ByteSource {
  /** The next line without its end, undefined behind the last; kind `corrupt` when it is longer than `mostBytes`. */
  line(mostBytes: number): Promise<string | undefined>;
  /** So many bytes as they come; kind `corrupt` when the stream ends before. */
  bytes(count: number): AsyncGenerator<Buffer>;
  /** All that is left. */
  rest(): AsyncGenerator<Buffer>;
}

export function createByteSource(stream: Readable): ByteSource {
  const pieces = piecesOf(stream);
  let front: Buffer = Buffer.alloc(0);
  const next = async (): Promise<boolean> => {
    const { done, value } = await pieces.next();
    if (done === true) return false;
    front = value;
    return true;
  };
  return {
    async line(mostBytes) {
      const parts: Buffer[] = [];
      let length = 0;
      for (;;) {
        const end = front.indexOf(10);
        const part = end < 0 ? front : front.subarray(0, end);
        parts.push(part);
        length += part.length;
        if (length > mostBytes)
          throw corrupt(`a line of more than ${mostBytes} bytes was sent`, { code: 'line-too-long' });
        if (end >= 0) {
          front = front.subarray(end + 1);
          return Buffer.concat(parts).toString('utf8');
        }
        front = Buffer.alloc(0);
        if (!(await next())) return length === 0 ? undefined : Buffer.concat(parts).toString('utf8');
      }
    },
    async *bytes(count) {
      for (let left = count; left > 0;) {
        if (front.length === 0 && !(await next()))
          throw corrupt('the stream ended too early', { code: 'short-stream' });
        const piece = front.subarray(0, left);
        front = front.subarray(piece.length);
        left -= piece.length;
        if (piece.length > 0) yield piece;
      }
    },
    async *rest() {
      if (front.length > 0) yield front;
      front = Buffer.alloc(0);
      while (await next()) yield front;
    },
  };
}

/** Iterating over a duplex stream would destroy it when the other side ends its direction. */
async function* piecesOf(stream: Readable): AsyncGenerator<Buffer, undefined> {
  let wake: (() => void) | undefined;
  const notify = (): void => wake?.();
  for (const event of ['readable', 'end', 'close', 'error']) stream.on(event, notify);
  for (;;) {
    const piece = stream.read() as Buffer | null;
    if (piece !== null) yield piece;
    else if (stream.errored) throw stream.errored;
    else if (stream.readableEnded) return undefined;
    else if (stream.destroyed) throw unavailable('the channel was closed', { code: 'channel-closed' });
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}
