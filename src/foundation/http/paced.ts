import { timedOut } from '../base/errors.ts';

/**
 * A body that must come at a pace: fewer than `bytes` within `perMs` end it with kind `timeout`, code `too-slow`. A sender that drips would hold what waits
 * for it for ever. Only the wait for the sender counts.
 */
export async function* paced(
  source: AsyncIterable<Uint8Array>,
  { bytes, perMs }: { bytes: number; perMs: number },
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let waitedMs = 0;
  let came = 0;
  try {
    for (;;) {
      const begunMs = performance.now();
      const step = await orTooSlow(iterator.next(), perMs - waitedMs, { bytes, perMs });
      if (step.done === true) return;
      waitedMs += performance.now() - begunMs;
      came += step.value.byteLength;
      if (came >= bytes) {
        came = 0;
        waitedMs = 0;
      }
      yield step.value;
    }
  } finally {
    // Not waited for: it waits for the bytes that do not come.
    void iterator.return?.().catch(() => undefined);
  }
}

async function orTooSlow<T>(
  step: Promise<T>,
  leftMs: number,
  { bytes, perMs }: { bytes: number; perMs: number },
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      reject(
        timedOut(`the body comes too slowly: less than ${bytes} bytes in ${perMs / 1000} s`, {
          code: 'too-slow',
        }),
      ),
    Math.max(leftMs, 1),
  );
  step.catch(() => undefined);
  try {
    return await Promise.race([step, late]);
  } finally {
    clearTimeout(timer);
  }
}
