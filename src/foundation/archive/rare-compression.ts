import { XzReadableStream } from 'xz-decompress';
import { corrupt } from '../base/errors.ts';
import { createPace } from '../base/pace.ts';
import { bunzip } from './bunzip.ts';
import type { ExpandRare } from './compression.ts';

/**
 * bzip2 and xz, for archives of users: layers of images never have them. Both are slower than what the runtime brings. Whoever locks itself up loads this
 * before.
 */
export const expandRare: ExpandRare = (kind, source) =>
  kind === 'bzip2' ? bunzip(source, createPace()) : unxz(source);

async function* unxz(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const pieces = source[Symbol.asyncIterator]();
  let failure: { error: unknown } | undefined;
  const input = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else if (value.length > 0) controller.enqueue(value);
      } catch (error) {
        failure = { error };
        controller.error(error);
      }
    },
  });
  const pace = createPace();
  const reader = new XzReadableStream(input).getReader();
  try {
    for (;;) {
      const turn = pace();
      if (turn) await turn;
      const { done, value } = await reader.read();
      if (done) return;
      // Its memory is used again for the next piece.
      if (value) yield Buffer.from(value);
    }
  } catch (error) {
    if (failure) throw failure.error;
    throw corrupt(`archive is not sound xz: ${error instanceof Error ? error.message : String(error)}`, {
      code: 'archive-corrupt',
      hint: 'fetch or build the image again',
      cause: error,
    });
  } finally {
    await reader.cancel().catch(() => undefined);
    await pieces.return?.();
  }
}
