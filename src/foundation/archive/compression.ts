import type { Transform } from 'node:stream';
import { SiloError, corrupt, unsupported } from '../base/errors.ts';
import { createZstdFrames } from './zstd-frames.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** What only some archives of users have; `rare-compression.ts` reads it. */
export type RareCompression = 'bzip2' | 'xz';

export type ExpandRare = (kind: RareCompression, source: AsyncIterable<Uint8Array>) => AsyncGenerator<Buffer>;

/** Bytes that `detectCompression` wants to see, unless the stream is shorter. */
export const magicBytes = 6;

const refused: readonly [name: string, magic: readonly number[]][] = [
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
];

const startsWith = (head: Uint8Array, magic: readonly number[]): boolean =>
  magic.every((byte, i) => head[i] === byte);

function detectRare(head: Uint8Array): RareCompression | undefined {
  const found = refused.find(([, magic]) => startsWith(head, magic))?.[0];
  return found === 'bzip2' || found === 'xz' ? found : undefined;
}

/** Tells the compression by the first bytes: media types and file names lie. Kind `unsupported` for what is not read here. */
export function detectCompression(head: Uint8Array): Compression {
  if (startsWith(head, [0x1f, 0x8b])) return 'gzip';
  if (startsWith(head, [0x28, 0xb5, 0x2f, 0xfd])) return 'zstd';
  // A skippable frame (RFC 8878, 3.1.2) may stand before the first real one.
  if (((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18)
    return 'zstd';
  for (const [name, magic] of refused)
    if (startsWith(head, magic))
      throw unsupported(`archive is compressed with ${name}, which Silo does not read`, {
        code: 'compression-unsupported',
        hint: 'compress it with gzip or zstd, or not at all',
      });
  return 'none';
}

/** How much may come out of how much: a bomb is stopped, not stored. */
export interface ExpansionLimits {
  maxBytes: number;
  /** Output per byte of input, looked at once the output is above `ratioFloorBytes`. */
  maxRatio: number;
  ratioFloorBytes: number;
}

/** gzip reaches 1032:1 and zstd far more on zeros; real layers stay below 100:1. */
export const defaultExpansionLimits: ExpansionLimits = {
  maxBytes: 512 * 2 ** 30,
  maxRatio: 1100,
  ratioFloorBytes: 2 ** 30,
};

/*
 * Measured on two cores, 106 MB of tar from 55 MB: 64 KiB pieces 550 ms, 256 KiB in and 1 MiB out 300 ms (the inflater runs on
 * the thread pool, so its user's work hides behind it), `gzip -dc` 690 ms.
 */
const outputChunkBytes = 1 << 20;
/** Input pieces that read best; give files and pipes this high-water mark. */
export const inputChunkBytes = 1 << 18;

/**
 * The uncompressed bytes of a stream in whatever form it comes. `onInput` sees every compressed byte, in order (to hash them). All
 * of the input is read, also what follows the last frame. Kind `corrupt` when it is broken, truncated, or above the limits.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  options: {
    limits?: ExpansionLimits;
    onInput?: (chunk: Uint8Array) => void;
    /** Called once, before the first output; not for what is rare. */
    onDetected?: (compression: Compression) => void;
    /** Reads bzip2 and xz, too. */
    expandRare?: ExpandRare;
  } = {},
): AsyncGenerator<Buffer> {
  const { limits = defaultExpansionLimits, onInput, onDetected, expandRare } = options;
  let inputBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      inputBytes += chunk.length;
      onInput?.(chunk);
      yield chunk;
    }
  }
  const input = counted();
  const { head, rest } = await peek(input);
  const rare = expandRare && detectRare(head);
  const compression = rare ? undefined : await orClosing(input, () => detectCompression(head));
  if (compression) onDetected?.(compression);
  let outputBytes = 0;
  for await (const chunk of rare && expandRare
    ? expandRare(rare, rest)
    : expand(compression ?? 'none', rest)) {
    outputBytes += chunk.length;
    if (outputBytes > limits.maxBytes)
      throw bomb(`is larger than ${limits.maxBytes} bytes when decompressed`);
    if (outputBytes > limits.ratioFloorBytes && outputBytes > inputBytes * limits.maxRatio)
      throw bomb(`expands by more than ${limits.maxRatio}:1`);
    yield chunk;
  }
}

/** Nobody reads on when it throws: the source is told. */
async function orClosing<T>(source: AsyncGenerator, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    await source.return(undefined);
    throw error;
  }
}

function bomb(what: string): SiloError {
  return corrupt(`archive ${what}`, {
    code: 'archive-limit',
    hint: 'this looks like a decompression bomb; raise the limit only for an image that you trust',
  });
}

/** Reads until the magic is there, and gives back a stream that starts anew. */
async function peek(
  source: AsyncGenerator<Uint8Array>,
): Promise<{ head: Uint8Array; rest: AsyncGenerator<Uint8Array> }> {
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < magicBytes) {
    const next = await source.next();
    if (next.done) break;
    first.push(next.value);
    length += next.value.length;
  }
  async function* rest(): AsyncGenerator<Uint8Array> {
    yield* first;
    yield* source;
  }
  return { head: Buffer.concat(first), rest: rest() };
}

async function* expand(compression: Compression, source: AsyncGenerator<Uint8Array>): AsyncGenerator<Buffer> {
  if (compression === 'none') {
    for await (const chunk of source) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    return;
  }
  const options = { chunkSize: outputChunkBytes, highWaterMark: inputChunkBytes * 8 };
  const frames = compression === 'zstd' ? createZstdFrames() : undefined;
  // Only here: together with streams it is a third of what a helper process costs to start. It is part of the runtime, so a jail has it too.
  const { createGunzip, createZstdDecompress } = await import('node:zlib');
  const inflater = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  const feeding = feed(source, inflater, (chunk) => frames?.push(chunk));
  // The inflater reports failures of `feeding` (it is destroyed with them); this only keeps the promise from being unhandled.
  feeding.catch(() => undefined);
  try {
    for await (const chunk of inflater) yield chunk as Buffer;
    await feeding;
  } catch (error) {
    throw broken(compression, error);
  } finally {
    inflater.destroy();
  }
  frames?.finish();
}

async function feed(
  source: AsyncGenerator<Uint8Array>,
  inflater: Transform,
  watch: (chunk: Uint8Array) => void,
): Promise<void> {
  try {
    for await (const chunk of source) {
      watch(chunk);
      if (inflater.destroyed) return;
      if (!inflater.write(chunk)) await drained(inflater);
    }
    inflater.end();
  } catch (error) {
    inflater.destroy(error as Error);
    throw error;
  }
}

function drained(stream: Transform): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done).off('error', done);
      resolve();
    };
    stream.on('drain', done).on('close', done).on('error', done);
  });
}

function broken(compression: Compression, error: unknown): unknown {
  if (error instanceof SiloError) return error;
  const { code = '', message } = error as { code?: string; message: string };
  if (!/^(Z_|ZSTD_|ERR_ZLIB)/i.test(code)) return error;
  return corrupt(`archive is not sound ${compression}: ${message}`, {
    code: 'archive-corrupt',
    hint: 'fetch or build the image again',
    cause: error,
  });
}
