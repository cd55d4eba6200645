import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { decompress } from './compression.ts';
import { expandRare } from './rare-compression.ts';
import { output } from './tar-fixtures.ts';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function expanded(bytes: Buffer, size = 4096): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of decompress(inPieces(bytes, size), { expandRare })) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Runs of every length around the limits of the format, words, and noise. */
const samples: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  [
    'runs',
    Buffer.concat(Array.from({ length: 300 }, (_, length) => Buffer.alloc(length, 97 + (length % 3)))),
  ],
  ['a long run', Buffer.alloc(1_200_000, 7)],
  [
    'words',
    Buffer.from(Array.from({ length: 60_000 }, (_, index) => `word ${index % 977} ${index}\n`).join('')),
  ],
  ['noise', Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * index * 2654435761) >>> 24))],
];

const isThere = (program: string): boolean => spawnSync(program, ['--help']).error === undefined;

for (const program of ['bzip2', 'xz'] as const) {
  if (!isThere(program)) {
    console.log(`skipped: reading what ${program} made: the program is not here`);
    continue;
  }
  test(`what ${program} made is read, also in single bytes and several streams`, async () => {
    for (const [name, bytes] of samples) {
      const packed = output(program, ['-c'], { input: bytes });
      expect([name, (await expanded(packed)).equals(bytes)]).toEqual([name, true]);
    }
    const words = Buffer.from('some words '.repeat(50));
    const packed = output(program, ['-c'], { input: words });
    expect(await expanded(packed, 1)).toEqual(words);
    if (program === 'bzip2')
      expect(await expanded(Buffer.concat([packed, packed]))).toEqual(Buffer.concat([words, words]));
  }, 60_000);

  test(`broken ${program} is refused and ends`, async () => {
    const packed = output(program, ['-c'], { input: Buffer.from('some words '.repeat(500)) });
    for (const end of [8, 20, packed.length - 5]) {
      const failure: unknown = await expanded(packed.subarray(0, end)).catch((error: unknown) => error);
      expect(failure).toMatchObject({ kind: 'corrupt' });
    }
    let refused = 0;
    for (let at = 6; at < packed.length; at += 7) {
      const changed = Buffer.from(packed);
      changed[at] = (changed[at] ?? 0) ^ 0x55;
      await expanded(changed).catch((error: unknown) => {
        refused++;
        expect(error).toMatchObject({ kind: 'corrupt' });
      });
    }
    expect(refused).toBeGreaterThan(5);
  }, 60_000);
}
