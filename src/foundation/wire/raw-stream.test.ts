import { expect, test } from 'bun:test';
import { createFrameDecoder, encodeFrame, frameHeaderLength, writeFrameHeader } from './raw-stream.ts';

test('a frame is the stream number, the length in big-endian and the payload', () => {
  expect([...encodeFrame('stderr', Buffer.from('hi'))]).toEqual([2, 0, 0, 0, 0, 0, 0, 2, 104, 105]);
  const header = new Uint8Array(frameHeaderLength);
  writeFrameHeader(header, 0, 'stdout', 0x01020304);
  expect([...header]).toEqual([1, 0, 0, 0, 1, 2, 3, 4]);
});

test('frames come out whole however the bytes are cut', () => {
  const wire = Buffer.concat([
    encodeFrame('stdout', Buffer.from('one')),
    encodeFrame('stderr', Buffer.from('')),
    encodeFrame('stderr', Buffer.from('two\n')),
    encodeFrame('stdout', Buffer.from('three')),
  ]);
  for (let size = 1; size <= wire.length; size++) {
    const texts = { stdin: '', stdout: '', stderr: '' };
    const decoder = createFrameDecoder((stream, piece) => {
      texts[stream] += Buffer.from(piece).toString();
    });
    for (let at = 0; at < wire.length; at += size) decoder.push(wire.subarray(at, at + size));
    expect(texts).toEqual({ stdin: '', stdout: 'onethree', stderr: 'two\n' });
    expect(decoder.isComplete()).toBe(true);
  }
});

test('a stream that ends inside a frame is seen to be incomplete', () => {
  const decoder = createFrameDecoder(() => undefined);
  decoder.push(encodeFrame('stdout', Buffer.from('text')).subarray(0, 10));
  expect(decoder.isComplete()).toBe(false);
});

test('bytes without frames, absurd lengths and errors of the engine are refused', () => {
  const decode = (bytes: Uint8Array) => () => createFrameDecoder(() => undefined).push(bytes);
  expect(decode(Buffer.from('plain text of a terminal'))).toThrow('not a multiplexed stream');
  expect(decode(Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]))).toThrow('not a multiplexed stream');
  const failure = encodeFrame('stdout', Buffer.from('log is gone'));
  failure[0] = 3;
  expect(decode(failure)).toThrow('log is gone');
});
