import { PassThrough, Readable, type Transform } from 'node:stream';
import { createGzip, createZstdCompress } from 'node:zlib';
import { type Compression, decompress, type ExpansionLimits, inputChunkBytes } from './compression.ts';

/** A compressor; the same input gives the same bytes with one version of the runtime. */
export function compressor(compression: Compression, options: { level?: number } = {}): Transform {
  switch (compression) {
    case 'none':
      return new PassThrough();
    case 'gzip':
      return createGzip({ level: options.level ?? 6, chunkSize: inputChunkBytes });
    case 'zstd':
      return createZstdCompress({ chunkSize: inputChunkBytes });
  }
}

/** `decompress` as a stream, for those who hand it on. */
export function decompressed(source: AsyncIterable<Uint8Array>, limits?: ExpansionLimits): Readable {
  return Readable.from(decompress(source, limits ? { limits } : {}), { objectMode: false });
}
