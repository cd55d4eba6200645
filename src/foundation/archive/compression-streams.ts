import { PassThrough, Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { type Compression, decompress, type ExpansionLimits, inputChunkBytes } from './compression.ts';

/** A compressor; the same input gives the same bytes with one version of the runtime. */
export function compressor(compression: Compression, options: { level?: number } = {}): Transform {
  switch (compression) {
    case 'none':
      return new PassThrough();
    case 'gzip':
      return createGzip({ level: options.level ?? 6, chunkSize: inputChunkBytes });
    case 'zstd':
      return createZstdCompress({
        chunkSize: inputChunkBytes,
        ...(options.level ? { params: { [constants.ZSTD_c_compressionLevel]: options.level } } : {}),
      });
  }
}

/** The bytes in another compression. */
export async function* recompress(
  source: AsyncIterable<Uint8Array>,
  target: { compression: Compression; level?: number },
): AsyncGenerator<Buffer> {
  const packed = compressor(target.compression, target);
  const feeding = pipeline(decompressed(source), packed);
  // Its failure shows in `packed`, which is destroyed with it.
  feeding.catch(() => undefined);
  for await (const chunk of packed) yield chunk as Buffer;
  await feeding;
}

/** `decompress` as a stream, for those who hand it on. */
export function decompressed(source: AsyncIterable<Uint8Array>, limits?: ExpansionLimits): Readable {
  return Readable.from(decompress(source, limits ? { limits } : {}), { objectMode: false });
}
