import type { OutputSink } from '../container.ts';

/** Takes everything and keeps its beginning: a check that writes without end costs no memory and is not held up. */
export function createOutputHead(limitBytes: number): OutputSink & { text(): string } {
  const kept: Uint8Array[] = [];
  let size = 0;
  let isCut = false;
  return {
    write(_stream, chunk) {
      const room = limitBytes - size;
      if (chunk.length > room) isCut = true;
      if (room > 0) {
        kept.push(Uint8Array.from(chunk.subarray(0, room)));
        size += Math.min(room, chunk.length);
      }
      return true;
    },
    drained: () => Promise.resolve(),
    text() {
      const text = Buffer.concat(kept).toString('utf8');
      return isCut ? `${text}...` : text;
    },
  };
}
