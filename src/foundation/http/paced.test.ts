import { expect, test } from 'bun:test';
import { paced } from './paced.ts';

async function lengthOf(source: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const piece of source) length += piece.byteLength;
  return length;
}

test('a body that comes at its pace passes, however slowly it is taken', async () => {
  const pieces = Array.from({ length: 20 }, () => new Uint8Array(10));
  const source = (async function* () {
    yield* pieces;
  })();
  const slow = paced(source, { bytes: 10, perMs: 30 });
  let length = 0;
  for await (const piece of slow) {
    length += piece.byteLength;
    if (length === 10) await new Promise((resolve) => setTimeout(resolve, 60));
  }
  expect(length).toBe(200);
});

test('a body that drips or stops is ended', async () => {
  const drips = (async function* () {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield new Uint8Array(1);
    }
  })();
  expect(lengthOf(paced(drips, { bytes: 1000, perMs: 50 }))).rejects.toMatchObject({
    code: 'too-slow',
  });
  const never: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
  };
  expect(lengthOf(paced(never, { bytes: 1, perMs: 20 }))).rejects.toMatchObject({ kind: 'timeout' });
});
