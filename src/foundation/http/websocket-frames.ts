/** RFC 6455, section 5.2. */
const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** RFC 6455, section 7.4.1. */
export const closeCodes = { normal: 1000, protocolError: 1002, tooBig: 1009 } as const;

/** What a client sent. Data comes in pieces, as it arrives: a frame of any size takes no memory. */
export type FrameEvent =
  | { kind: 'data'; bytes: Buffer }
  | { kind: 'ping'; payload: Buffer }
  | { kind: 'close'; payload: Buffer };

/** The client broke a rule; the connection is to be closed with the code. */
export class FrameViolation extends Error {
  constructor(
    message: string,
    readonly closeCode: number,
  ) {
    super(message);
  }
}

/** Larger frames are refused. */
export const frameLimitBytes = 16 * 1024 * 1024;
/** RFC 6455, section 5.5. */
const controlLimitBytes = 125;

interface Header {
  opcode: number;
  isFinal: boolean;
  length: number;
  /** Bytes of the header itself. */
  size: number;
  mask: Buffer;
}

interface OpenFrame extends Header {
  left: number;
}

/** Reads a client's frames from bytes that come in any pieces. Throws `FrameViolation`. */
export function createFrameReader(): { push(chunk: Buffer): FrameEvent[] } {
  let pending: Buffer = Buffer.alloc(0);
  let frame: OpenFrame | undefined;
  /** A message was begun and not finished. */
  let isFragmented = false;

  const begin = (): boolean => {
    const header = readHeader(pending);
    if (!header) return false;
    checkOrder(header, isFragmented);
    if (!isControl(header.opcode)) isFragmented = !header.isFinal;
    pending = pending.subarray(header.size);
    frame = { ...header, left: header.length };
    return true;
  };

  const advance = (current: OpenFrame): FrameEvent | undefined => {
    const bytes = pending.subarray(0, current.left);
    pending = pending.subarray(bytes.length);
    const plain = unmask(bytes, current.mask, current.length - current.left);
    current.left -= bytes.length;
    if (current.left === 0) frame = undefined;
    return eventOf(current.opcode, plain);
  };

  return {
    push(chunk) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const events: FrameEvent[] = [];
      for (;;) {
        if (!frame && !begin()) return events;
        if (!frame) return events;
        // Control frames are small and come whole.
        const isWhole = pending.length >= frame.left;
        if (!isWhole && (isControl(frame.opcode) || pending.length === 0)) return events;
        const event = advance(frame);
        if (event) events.push(event);
        if (event?.kind === 'close') return events;
      }
    },
  };
}

const isControl = (opcode: number): boolean => opcode >= opcodes.close;

function readHeader(bytes: Buffer): Header | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const opcode = first & 0x0f;
  const isFinal = (first & 0x80) !== 0;
  if ((first & 0x70) !== 0) throw violation('reserved bits are set');
  if (!Object.values<number>(opcodes).includes(opcode)) throw violation(`unknown opcode ${opcode}`);
  if ((second & 0x80) === 0) throw violation('a frame of a client must be masked');
  const short = second & 0x7f;
  if (isControl(opcode) && (!isFinal || short > controlLimitBytes))
    throw violation('a control frame must be whole and short');
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  const size = 2 + extra + 4;
  if (bytes.length < size) return undefined;
  const length = extra === 2 ? bytes.readUInt16BE(2) : extra === 8 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (length > frameLimitBytes)
    throw new FrameViolation(`a frame of ${length} bytes is too large`, closeCodes.tooBig);
  return { opcode, isFinal, length, size, mask: bytes.subarray(size - 4, size) };
}

function checkOrder({ opcode }: Header, isFragmented: boolean): void {
  if (opcode === opcodes.continuation && !isFragmented) throw violation('a continuation without a beginning');
  if ((opcode === opcodes.text || opcode === opcodes.binary) && isFragmented)
    throw violation('a message within a message');
}

const violation = (message: string): FrameViolation => new FrameViolation(message, closeCodes.protocolError);

function unmask(bytes: Buffer, mask: Buffer, offset: number): Buffer {
  const plain = Buffer.allocUnsafe(bytes.length);
  for (let i = 0; i < bytes.length; i++) plain[i] = (bytes[i] ?? 0) ^ (mask[(offset + i) & 3] ?? 0);
  return plain;
}

function eventOf(opcode: number, bytes: Buffer): FrameEvent | undefined {
  if (opcode === opcodes.close) return { kind: 'close', payload: bytes };
  if (opcode === opcodes.ping) return { kind: 'ping', payload: bytes };
  if (opcode === opcodes.pong || bytes.length === 0) return undefined;
  return { kind: 'data', bytes };
}

/** The header of a whole message of ours, which is not masked. */
export function formatFrameHeader(kind: 'text' | 'binary' | 'close' | 'pong', length: number): Buffer {
  const first = 0x80 | opcodes[kind];
  if (length < 126) return Buffer.from([first, length]);
  if (length < 65_536) return Buffer.from([first, 126, length >> 8, length & 0xff]);
  const header = Buffer.alloc(10);
  header[0] = first;
  header[1] = 127;
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}
