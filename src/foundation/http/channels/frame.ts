import { corrupt } from '../../base/errors.ts';

const frameKinds = ['open', 'data', 'credit', 'end', 'reset'] as const;
export type FrameKind = (typeof frameKinds)[number];

export interface Frame {
  kind: FrameKind;
  channel: number;
  payload: Buffer;
}

export const mostPayloadBytes = 1 << 16;
/** What a channel is for, and why it failed, is said in few words. */
export const mostWordsBytes = 1 << 14;
const headerBytes = 8;

export function formatFrame(kind: FrameKind, channel: number, payload: Uint8Array = empty): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.writeUInt8(frameKinds.indexOf(kind));
  frame.writeUIntBE(payload.length, 1, 3);
  frame.writeUInt32BE(channel, 4);
  frame.set(payload, headerBytes);
  return frame;
}

const empty = new Uint8Array();

/** Cuts bytes into frames, however they come. Payloads are parts of the chunks that were pushed. */
export function createFrameReader(): (chunk: Buffer) => Generator<Frame> {
  let rest: Buffer = Buffer.alloc(0);
  return function* read(chunk) {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      if (bytes.length < headerBytes) break;
      const { kind, length } = readHeader(bytes);
      const end = headerBytes + length;
      if (bytes.length < end) break;
      yield { kind, channel: bytes.readUInt32BE(4), payload: bytes.subarray(headerBytes, end) };
      bytes = bytes.subarray(end);
    }
    rest = bytes;
  };
}

function readHeader(bytes: Buffer): { kind: FrameKind; length: number } {
  const kind = frameKinds[bytes.readUInt8()];
  if (kind === undefined) throw broken('a frame of an unknown kind');
  const length = bytes.readUIntBE(1, 3);
  const most =
    kind === 'data' ? mostPayloadBytes : kind === 'credit' ? 4 : kind === 'end' ? 0 : mostWordsBytes;
  if (length > most) throw broken(`a frame of kind ${kind} with ${length} bytes`);
  return { kind, length };
}

/** The other side does not keep to the protocol. */
export const broken = (what: string) =>
  corrupt(`the other side of the connection sent ${what}`, {
    code: 'bad-channel-frame',
    hint: 'something between client and engine changes the bytes, or their versions do not fit',
  });
