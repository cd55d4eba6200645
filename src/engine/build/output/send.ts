import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { canceled, internal } from '../../../foundation/base/errors.ts';
import type { BuildRequest } from '../solve/types.ts';

/** Gives the client the bytes of an output; the client's pace is kept. A client that stops taking them ends the build. */
export async function send(
  { client, signal }: Pick<BuildRequest, 'client' | 'signal'>,
  output: number,
  bytes: AsyncIterable<Uint8Array>,
): Promise<void> {
  const writable = client?.receive?.(output);
  if (!writable) throw internal('the client takes no output');
  try {
    await pipeline(Readable.from(bytes, { objectMode: false }), writable, ...(signal ? [{ signal }] : []));
  } catch (error) {
    if (signal?.aborted) throw canceled('the build was canceled', { cause: error });
    throw error;
  }
}
