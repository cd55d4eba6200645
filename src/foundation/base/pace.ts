/** Lets the event loop look at its sockets in the middle of long work. */
export type Pace = () => Promise<void> | undefined;

/** To be asked between small pieces of work; there is something to wait for only when `sliceMs` have passed since the last turn. */
export function createPace(sliceMs = 4): Pace {
  let from = performance.now();
  return () => {
    if (performance.now() - from < sliceMs) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        from = performance.now();
        resolve();
      }),
    );
  };
}
