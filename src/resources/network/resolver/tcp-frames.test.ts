import { expect, test } from 'bun:test';
import { createFrameReader, frame } from './tcp-frames.ts';

function read(chunks: readonly Uint8Array[], largestBytes?: number): string[] {
  const seen: string[] = [];
  const reader = createFrameReader(
    { message: (bytes) => seen.push(Buffer.from(bytes).toString()), tooLong: () => seen.push('too long') },
    largestBytes === undefined ? {} : { largestBytes },
  );
  for (const chunk of chunks) reader.push(chunk);
  return seen;
}

const three = Buffer.concat(['one', '', 'three'].map((text) => frame(Buffer.from(text))));

test('messages come whole, however the bytes arrive', () => {
  expect(read([three])).toEqual(['one', '', 'three']);
  expect(read([...three].map((byte) => Uint8Array.of(byte)))).toEqual(['one', '', 'three']);
  expect(read([three.subarray(0, 4), three.subarray(4, 8), three.subarray(8)])).toEqual(['one', '', 'three']);
});

test('one that is announced too long ends the reading', () => {
  const long = frame(Buffer.alloc(101));
  expect(read([three, long.subarray(0, 2), long.subarray(2), three], 100)).toEqual([
    'one',
    '',
    'three',
    'too long',
  ]);
});
