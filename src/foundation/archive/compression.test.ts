import { describe, expect, test } from 'bun:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { SiloError, toSiloError } from '../base/errors.ts';
import {
  decompress,
  defaultExpansionLimits,
  detectCompression,
  type ExpansionLimits,
} from './compression.ts';
import { compressor } from './compression-streams.ts';

const plain = Buffer.concat([Buffer.from('a tar, as it were '), Buffer.alloc(300_000, 'x')]);
const skippable = Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Buffer.from('skip')]);

async function* pieces(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield await Promise.resolve(data.subarray(at, at + size));
}

async function inflate(
  data: Buffer,
  options: { piece?: number; limits?: ExpansionLimits } = {},
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const { piece = 5000, limits = defaultExpansionLimits } = options;
  for await (const chunk of decompress(pieces(data, piece), { limits })) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const failure = async (work: Promise<unknown>): Promise<SiloError> =>
  work.then(
    () => Promise.reject(new Error('did not fail')),
    (error: unknown) => toSiloError(error),
  );

describe('decompression', () => {
  test.each<[string, Buffer, number]>([
    ['nothing', plain, 1],
    ['gzip', gzipSync(plain), 1],
    [
      'gzip in several members, as pigz and others write it',
      Buffer.concat([gzipSync(plain), gzipSync(plain)]),
      2,
    ],
    ['gzip with zeros behind it', Buffer.concat([gzipSync(plain), Buffer.alloc(1000)]), 1],
    ['zstd', zstdCompressSync(plain), 1],
    [
      'zstd in several frames',
      Buffer.concat([zstdCompressSync(plain), skippable, zstdCompressSync(plain)]),
      2,
    ],
    ['zstd after a skippable frame', Buffer.concat([skippable, zstdCompressSync(plain)]), 1],
  ])('reads %s, in pieces of any size', async (_, data, copies) => {
    const expected = Buffer.concat(Array.from({ length: copies }, () => plain));
    for (const piece of [1, 7, 100_000]) {
      if (piece === 1 && data.length > 10_000) continue;
      expect((await inflate(data, { piece })).equals(expected)).toBe(true);
    }
  });

  test('an empty input is an empty output', async () => {
    expect(await inflate(Buffer.alloc(0))).toHaveLength(0);
  });

  const damaged = Buffer.from(gzipSync(plain));
  damaged[damaged.length - 6] = (damaged.at(-6) ?? 0) ^ 1;
  const broken = Buffer.from(zstdCompressSync(plain, { params: { 201: 1 } }));
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
  test.each<[string, Buffer]>([
    ['gzip with a wrong checksum', damaged],
    ['gzip that stops in the data', gzipSync(plain).subarray(0, -50)],
    ['gzip that stops in its trailer', gzipSync(plain).subarray(0, -3)],
    ['gzip whose second member stops', Buffer.concat([gzipSync(plain), gzipSync(plain).subarray(0, 30)])],
    ['gzip followed by something else', Buffer.concat([gzipSync(plain), Buffer.from('something else')])],
    ['gzip of two bytes', gzipSync(plain).subarray(0, 2)],
    ['zstd with a wrong checksum', broken],
    ['zstd that stops in a block', zstdCompressSync(plain).subarray(0, -3)],
    ['zstd that stops in its header', zstdCompressSync(plain).subarray(0, 5)],
    [
      'zstd whose second frame stops',
      Buffer.concat([zstdCompressSync(plain), zstdCompressSync(plain).subarray(0, 12)]),
    ],
    [
      'zstd followed by something else',
      Buffer.concat([zstdCompressSync(plain), Buffer.from('something else')]),
    ],
  ])('%s is corrupt', async (_, data) => {
    expect((await failure(inflate(data))).kind).toBe('corrupt');
  });

  test('what Silo does not read is named', async () => {
    for (const [name, head] of [
      ['bzip2', Buffer.from('BZh91AY&SY')],
      ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])],
    ] as const) {
      const error = await failure(inflate(Buffer.concat([head, plain])));
      expect(error.kind).toBe('unsupported');
      expect(error.message).toContain(name);
    }
    expect(detectCompression(Buffer.from('ustar-like'))).toBe('none');
  });

  test('whoever gave what is not read is told that nobody reads on', async () => {
    let isClosed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('BZh91AY&SY');
        yield plain;
      } finally {
        isClosed = true;
      }
    }
    expect(await Array.fromAsync(decompress(source())).catch(() => 'refused')).toBe('refused');
    expect(isClosed).toBe(true);
  });

  test('a bomb is stopped by its size and by its ratio', async () => {
    const bomb = gzipSync(Buffer.alloc(50 << 20));
    const big = await failure(inflate(bomb, { limits: { ...defaultExpansionLimits, maxBytes: 10 << 20 } }));
    expect(big).toMatchObject({ kind: 'corrupt', code: 'archive-limit' });
    const steep = { maxBytes: 1 << 30, maxRatio: 100, ratioFloorBytes: 4 << 20 };
    const error = await failure(inflate(bomb, { limits: steep }));
    expect(error.message).toContain('100:1');
  });

  test('an error of the source comes out as it is', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield gzipSync(plain).subarray(0, 100);
      await Promise.resolve();
      throw new SiloError('unavailable', 'the registry went away');
    }
    const read = async (): Promise<void> => {
      for await (const chunk of decompress(failing())) expect(chunk).toBeDefined();
    };
    expect((await failure(read())).kind).toBe('unavailable');
  });

  test('a reader that stops early leaves nothing running', async () => {
    for await (const chunk of decompress(pieces(gzipSync(Buffer.alloc(20 << 20, 'y')), 1000))) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
  });
});

test.each(['none', 'gzip', 'zstd'] as const)(
  'what the %s compressor writes is read back, twice the same',
  async (how) => {
    const squeeze = async (): Promise<Buffer> => {
      const stream = compressor(how);
      stream.end(plain);
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    };
    const first = await squeeze();
    expect(detectCompression(first)).toBe(how);
    expect((await inflate(first)).equals(plain)).toBe(true);
    expect((await squeeze()).equals(first)).toBe(true);
  },
);
