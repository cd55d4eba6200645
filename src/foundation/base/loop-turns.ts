/** Turns of the event loop, one for each who asks, in order of arrival. */
export interface LoopTurns {
  /** Resolves in a turn that no other taker has. */
  take(): Promise<void>;
}

/**
 * For work of some milliseconds that comes in crowds. Pieces that become ready together would all run before the next request is read; with a turn each,
 * the loop looks at its sockets in between.
 */
export function createLoopTurns(): LoopTurns {
  const waiting: (() => void)[] = [];
  const serve = (): void => {
    waiting.shift()?.();
    if (waiting.length > 0) setImmediate(serve);
  };
  return {
    take: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 1) setImmediate(serve);
      }),
  };
}
