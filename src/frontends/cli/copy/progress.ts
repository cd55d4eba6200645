import type { CliOutput } from '../io.ts';
import { formatSize } from '../output/units.ts';

export interface CopyProgress extends Disposable {
  /** Bytes of the archive so far. */
  readonly bytes: number;
  /** The same bytes, counted and shown. */
  count<T extends Uint8Array>(archive: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T, void, void>;
}

const intervalMs = 100;

/** One line on a terminal that is drawn over while bytes pass; disposing clears it. Quiet, it only counts. */
export function createCopyProgress(
  out: CliOutput,
  options: { header: string; quiet: boolean; now: () => number },
): CopyProgress {
  const draws = !options.quiet && out.isTTY === true;
  let bytes = 0;
  let drawnAt = 0;
  const draw = (): void => {
    drawnAt = options.now();
    out.write(`\r\u001b[2K${options.header} - ${formatSize(bytes)}`);
  };
  if (draws) draw();
  return {
    get bytes() {
      return bytes;
    },
    async *count(archive) {
      for await (const chunk of archive) {
        bytes += chunk.length;
        if (draws && options.now() - drawnAt >= intervalMs) draw();
        yield chunk;
      }
    },
    [Symbol.dispose]() {
      if (draws) out.write('\r\u001b[2K');
    },
  };
}
