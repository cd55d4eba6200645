/** At most `limit` pieces of work at a time, the others in order of arrival. */
export interface Limiter {
  run<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * With `patienceMs`, work that takes longer gives its turn away and goes on: it waits for something, and what hangs must not hold up the others.
 */
export function createLimiter(limit: number, options: { patienceMs?: number } = {}): Limiter {
  let running = 0;
  const waiting: (() => void)[] = [];
  const release = (): void => {
    const next = waiting.shift();
    if (next) next();
    else running--;
  };
  return {
    async run(work) {
      if (running < limit) running++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      let released = false;
      const giveTurn = (): void => {
        if (!released) release();
        released = true;
      };
      const { patienceMs } = options;
      const timer = patienceMs === undefined ? undefined : setTimeout(giveTurn, patienceMs);
      try {
        return await work();
      } finally {
        clearTimeout(timer);
        giveTurn();
      }
    },
  };
}
