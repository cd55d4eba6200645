import { corrupt } from '../base/errors.ts';

/**
 * Docker's multiplexed stream (`application/vnd.docker.multiplexed-stream`): each frame has eight bytes of header (stream number, three
 * zeros, length as big-endian 32-bit) and then the payload. Terminals use no frames at all.
 */
export type StdStream = 'stdin' | 'stdout' | 'stderr';

export const frameHeaderLength = 8;
const streams: readonly (StdStream | 'system')[] = ['stdin', 'stdout', 'stderr', 'system'];
const numbers: Record<StdStream, number> = { stdin: 0, stdout: 1, stderr: 2 };

/** Frames are at most what one read of a pipe or one batch of log lines gives; a longer claim is an attack or a broken peer. */
const maximumPayload = 64 * 1024 * 1024;

/** Writes a frame's header at `offset`; the caller puts the payload behind it. */
export function writeFrameHeader(
  target: Uint8Array,
  offset: number,
  stream: StdStream,
  length: number,
): void {
  target[offset] = numbers[stream];
  target[offset + 1] = 0;
  target[offset + 2] = 0;
  target[offset + 3] = 0;
  target[offset + 4] = length >>> 24;
  target[offset + 5] = (length >>> 16) & 0xff;
  target[offset + 6] = (length >>> 8) & 0xff;
  target[offset + 7] = length & 0xff;
}

/** A whole frame in one buffer. */
export function encodeFrame(stream: StdStream, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(frameHeaderLength + payload.length);
  writeFrameHeader(frame, 0, stream, payload.length);
  frame.set(payload, frameHeaderLength);
  return frame;
}

export interface FrameDecoder {
  /**
   * Takes the next bytes, however they were cut, and calls `onPayload` for each piece of payload in order; a piece may be part of a frame
   * and is only valid during the call. A frame of the `system` stream is an error of the engine and is thrown.
   */
  push(chunk: Uint8Array): void;
  /** Whether the bytes so far end between two frames. */
  isComplete(): boolean;
}

export function createFrameDecoder(onPayload: (stream: StdStream, piece: Uint8Array) => void): FrameDecoder {
  const header = new Uint8Array(frameHeaderLength);
  let headerFilled = 0;
  let remaining = 0;
  let stream: StdStream | 'system' = 'stdout';
  let systemText = '';

  const deliver = (piece: Uint8Array): void => {
    if (stream !== 'system') onPayload(stream, piece);
    else systemText += new TextDecoder().decode(piece);
    remaining -= piece.length;
    if (remaining === 0 && stream === 'system') throw corrupt(`the engine ended the stream: ${systemText}`);
  };

  return {
    push(chunk) {
      let offset = 0;
      while (offset < chunk.length) {
        if (remaining > 0) {
          const end = Math.min(chunk.length, offset + remaining);
          deliver(chunk.subarray(offset, end));
          offset = end;
          continue;
        }
        const taken = Math.min(frameHeaderLength - headerFilled, chunk.length - offset);
        header.set(chunk.subarray(offset, offset + taken), headerFilled);
        headerFilled += taken;
        offset += taken;
        if (headerFilled < frameHeaderLength) return;
        headerFilled = 0;
        ({ stream, length: remaining } = readFrameHeader(header));
      }
    },
    isComplete: () => headerFilled === 0 && remaining === 0,
  };
}

function readFrameHeader(header: Uint8Array): { stream: StdStream | 'system'; length: number } {
  const stream = streams[header[0] ?? 255];
  const length = new DataView(header.buffer, header.byteOffset, frameHeaderLength).getUint32(4);
  if (stream === undefined || length > maximumPayload)
    throw corrupt(
      `not a multiplexed stream: unexpected frame header ${Buffer.from(header).toString('hex')}`,
      {
        hint: 'the container has a terminal, or something between client and engine changes the bytes',
      },
    );
  return { stream, length };
}
