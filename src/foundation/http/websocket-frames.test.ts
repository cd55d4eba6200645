import { describe, expect, test } from 'bun:test';
import {
  createFrameReader,
  formatFrameHeader,
  type FrameEvent,
  frameLimitBytes,
  FrameViolation,
} from './websocket-frames.ts';

interface Sent {
  opcode: number;
  payload?: string;
  isFinal?: boolean;
  length?: bigint;
  isMasked?: boolean;
  reserved?: number;
}

/** A frame as a client sends it. */
function frame({
  opcode,
  payload = '',
  isFinal = true,
  length,
  isMasked = true,
  reserved = 0,
}: Sent): Buffer {
  const bytes = Buffer.from(payload);
  const mask = Buffer.from([1, 2, 3, 4]);
  const short = length !== undefined || bytes.length > 65_535 ? 127 : bytes.length > 125 ? 126 : bytes.length;
  const head = [(isFinal ? 0x80 : 0) | reserved | opcode, (isMasked ? 0x80 : 0) | short];
  const extra = Buffer.alloc(short === 127 ? 8 : short === 126 ? 2 : 0);
  if (short === 127) extra.writeBigUInt64BE(length ?? BigInt(bytes.length));
  if (short === 126) extra.writeUInt16BE(bytes.length);
  const masked = bytes.map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.concat([
    Buffer.from(head),
    extra,
    isMasked ? mask : Buffer.alloc(0),
    isMasked ? masked : bytes,
  ]);
}

const textOf = (events: FrameEvent[]): string =>
  events.map((event) => (event.kind === 'data' ? event.bytes.toString() : `<${event.kind}>`)).join('');

describe('frames of a client', () => {
  test('come as they were sent, however the bytes are cut', () => {
    const sent = Buffer.concat([
      frame({ opcode: 1, payload: 'hello ' }),
      frame({ opcode: 2, payload: 'frag', isFinal: false }),
      frame({ opcode: 9, payload: 'p' }),
      frame({ opcode: 0, payload: 'ments ' }),
      frame({ opcode: 2, payload: 'x'.repeat(300) }),
      frame({ opcode: 2, payload: '' }),
      frame({ opcode: 10, payload: 'unasked' }),
      frame({ opcode: 8 }),
    ]);
    for (const step of [1, 2, 7, 100, sent.length]) {
      const reader = createFrameReader();
      let said = '';
      for (let at = 0; at < sent.length; at += step)
        said += textOf(reader.push(sent.subarray(at, at + step)));
      expect(said).toBe(`hello frag<ping>ments ${'x'.repeat(300)}<close>`);
    }
  });

  test('of many bytes are passed on in pieces before they are whole', () => {
    const reader = createFrameReader();
    const whole = frame({ opcode: 2, payload: 'y'.repeat(100_000) });
    expect(textOf(reader.push(whole.subarray(0, 50_000))).length).toBeGreaterThan(49_000);
    expect(textOf(reader.push(whole.subarray(50_000)))).toHaveLength(100_000 - 50_000 + 14);
  });

  test.each<[string, Buffer, number]>([
    ['not masked', frame({ opcode: 1, payload: 'a', isMasked: false }), 1002],
    ['with reserved bits', frame({ opcode: 1, payload: 'a', reserved: 0x40 }), 1002],
    ['of an unknown kind', frame({ opcode: 3, payload: 'a' }), 1002],
    ['that ping in parts', frame({ opcode: 9, isFinal: false }), 1002],
    ['that ping too long', frame({ opcode: 9, payload: 'a'.repeat(126) }), 1002],
    ['that continue nothing', frame({ opcode: 0, payload: 'a' }), 1002],
    [
      'that begin a message in a message',
      Buffer.concat([frame({ opcode: 1, payload: 'a', isFinal: false }), frame({ opcode: 1, payload: 'b' })]),
      1002,
    ],
    ['too large', frame({ opcode: 2, length: BigInt(frameLimitBytes) + 1n }), 1009],
    ['too large for any number', frame({ opcode: 2, length: 2n ** 64n - 1n }), 1009],
  ])('%s are refused with the code for it', (_what, bytes, code) => {
    const reader = createFrameReader();
    let thrown: unknown;
    try {
      reader.push(bytes);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(FrameViolation);
    expect((thrown as FrameViolation).closeCode).toBe(code);
  });
});

test('headers of ours have the shortest form of the length', () => {
  expect([...formatFrameHeader('binary', 125)]).toEqual([0x82, 125]);
  expect([...formatFrameHeader('text', 126)]).toEqual([0x81, 126, 0, 126]);
  expect([...formatFrameHeader('binary', 65_536)]).toEqual([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
});
