import type { Writable } from 'node:stream';
import { drained } from '../base/drained.ts';
import { internal } from '../base/errors.ts';
import type { FilePart } from './http.ts';

/** Large enough that system calls do not count, small enough that the bytes are still in the processor's cache when they are sent. */
const stepBytes = 512 * 1024;

/**
 * One buffer for all steps: fresh memory for each costs as much as the copying. A step is as good as sent when `write` says so or `drain` came, and a step
 * that is smaller than the stream's mark is the last one. A file that is shorter than its part cuts the connection: its length is announced.
 * Resolves to the number of bytes that were taken before the end, or before the client left.
 */
export async function pourFile(target: Writable, { file, start, end }: FilePart): Promise<number> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(stepBytes, end - start));
  let position = start;
  while (position < end && !target.destroyed) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(stepBytes, end - position), position);
    if (bytesRead === 0) throw shrunk(target);
    if (!target.write(buffer.subarray(0, bytesRead))) await drained(target);
    if (target.destroyed) break;
    position += bytesRead;
  }
  return position - start;
}

/** The announced length cannot be kept. */
export function shrunk(target: Writable): Error {
  target.destroy();
  return internal('a file shrank while it was sent');
}
