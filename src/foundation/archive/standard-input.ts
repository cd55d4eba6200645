import { readSync } from 'node:fs';

/** For the inflater, which works best in large steps; and small enough to stay in the processor's cache when bytes are only copied. */
const inflateBytes = 1 << 20;
const copyBytes = 1 << 18;
/** Of plain bytes, what is worth going on with rather than waiting for more: whoever sends is woken meanwhile. */
const promptBytes = 1 << 17;

/**
 * Standard input in large pieces, for a process that does nothing else (the descriptor must be blocking). A piece is good until the next one is asked for,
 * when `isPlain` says that nobody keeps it; `nextPlain` may give the memory for it. Blocking reads: nothing else is waiting here, and a hop through the thread pool for each piece costs a third of the
 * whole.
 */
// oxlint-disable-next-line require-await -- an async iterable is what decompress takes
export async function* readStandardInput(
  isPlain: () => boolean,
  nextPlain: () => Buffer | undefined = () => undefined,
): AsyncGenerator<Uint8Array> {
  let buffer: Buffer = Buffer.allocUnsafeSlow(copyBytes);
  for (;;) {
    const { length, isEnd } = fill(buffer, isPlain() ? promptBytes : buffer.length);
    if (length > 0) yield buffer.subarray(0, length);
    if (isEnd) return;
    // Plain bytes were used up before the next piece was asked for; an inflater may still be reading them.
    buffer = isPlain() ? (nextPlain() ?? buffer) : Buffer.allocUnsafeSlow(inflateBytes);
  }
}

/** A pipe gives 64 KiB at a time; larger pieces are cheaper for all that follows. At least `enough`, but at the end. */
function fill(buffer: Buffer, enough: number): { length: number; isEnd: boolean } {
  let length = 0;
  while (length < enough) {
    const count = readSync(0, buffer, length, buffer.length - length, null);
    if (count === 0) return { length, isEnd: true };
    length += count;
  }
  return { length, isEnd: false };
}
