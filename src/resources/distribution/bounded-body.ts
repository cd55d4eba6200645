import { corrupt, timedOut } from '../../foundation/base/errors.ts';
import type { HttpReply } from './transport.ts';

/**
 * The whole of a small body. More than `limitBytes` is kind `corrupt`, or is left unread with `cut`; a body that drips for longer than
 * `deadlineMs` is kind `timeout`.
 */
export async function readBounded(
  reply: HttpReply,
  options: { limitBytes: number; deadlineMs: number; what: string; cut?: boolean },
): Promise<Uint8Array> {
  const { limitBytes, deadlineMs, what } = options;
  const chunks: Uint8Array[] = [];
  let size = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    reply.discard();
  }, deadlineMs);
  try {
    for await (const chunk of reply.body) {
      size += chunk.byteLength;
      chunks.push(chunk);
      if (size <= limitBytes) continue;
      if (options.cut) break;
      throw corrupt(`${what} is longer than the limit of ${limitBytes} bytes`, { code: 'too-long' });
    }
  } catch (error) {
    if (!late) throw error;
  } finally {
    clearTimeout(timer);
  }
  if (late) throw timedOut(`${what} did not arrive within ${deadlineMs / 1000} s`, { code: 'too-slow' });
  return Buffer.concat(chunks).subarray(0, limitBytes);
}
