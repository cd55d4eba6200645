import type { OutputBatch } from '../../../engine/container/container.ts';
import { frameHeaderLength, writeFrameHeader } from '../../../foundation/wire/raw-stream.ts';

export interface LogFraming {
  /** One frame per entry; false for terminals, which have raw text. */
  framed: boolean;
  /** The time and a space before each entry. */
  timestamps: boolean;
  /** Bytes between the time and the text of each entry. */
  details?: Uint8Array;
}

const none = new Uint8Array();

/** A batch of log entries as one buffer: one allocation and one write for thousands of lines. */
export function encodeLogBatch(
  batch: OutputBatch,
  { framed, timestamps, details = none }: LogFraming,
): Buffer {
  const header = framed ? frameHeaderLength : 0;
  let size = 0;
  for (const { time, text } of batch)
    size += header + text.length + details.length + (timestamps ? time.length + 1 : 0);
  const buffer = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { stream, time, text } of batch) {
    const prefix = details.length + (timestamps ? time.length + 1 : 0);
    if (framed) {
      writeFrameHeader(buffer, at, stream, prefix + text.length);
      at += header;
    }
    if (timestamps) {
      // RFC 3339 is ASCII.
      at += buffer.write(time, at, 'latin1');
      buffer[at++] = 0x20;
    }
    buffer.set(details, at);
    at += details.length;
    buffer.set(text, at);
    at += text.length;
  }
  return buffer;
}
