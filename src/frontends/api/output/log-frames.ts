import type { OutputBatch } from '../../../engine/container/container.ts';
import { frameHeaderLength, writeFrameHeader } from '../../../foundation/wire/raw-stream.ts';

export interface LogFraming {
  /** One frame per entry; false for terminals, which have raw text. */
  framed: boolean;
  /** The time and a space before each line. */
  timestamps: boolean;
  /** Bytes between the time and the text of each line. */
  details?: Uint8Array;
  /** Streams in the middle of a line, from batch to batch: the parts of a line are joined. */
  unfinished?: Set<string>;
}

const newline = 0x0a;

const none = new Uint8Array();

/** A batch of log entries as one buffer: one allocation and one write for thousands of lines. */
export function encodeLogBatch(
  batch: OutputBatch,
  { framed, timestamps, details = none, unfinished = new Set() }: LogFraming,
): Buffer {
  const header = framed ? frameHeaderLength : 0;
  let size = 0;
  for (const { time, text } of batch)
    size += header + text.length + details.length + (timestamps ? time.length + 1 : 0);
  const hasPrefix = timestamps || details.length > 0;
  const buffer = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { stream, time, text } of batch) {
    const begins = hasPrefix && !unfinished.has(stream);
    const prefix = begins ? details.length + (timestamps ? time.length + 1 : 0) : 0;
    if (framed) {
      writeFrameHeader(buffer, at, stream, prefix + text.length);
      at += header;
    }
    if (begins && timestamps) {
      // RFC 3339 is ASCII.
      at += buffer.write(time, at, 'latin1');
      buffer[at++] = 0x20;
    }
    if (begins) {
      buffer.set(details, at);
      at += details.length;
    }
    buffer.set(text, at);
    at += text.length;
    if (!hasPrefix) continue;
    if (text.at(-1) === newline) unfinished.delete(stream);
    else unfinished.add(stream);
  }
  return buffer.subarray(0, at);
}
