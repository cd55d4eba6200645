/** Serialises work per key; different keys run side by side. Waiters are served in order of arrival. */
export interface KeyLock {
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
  isHeld(key: string): boolean;
}

export function createKeyLock(): KeyLock {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run(key, work) {
      const before = tails.get(key) ?? Promise.resolve();
      const result = before.then(work, work);
      const tail = result.catch(() => undefined);
      tails.set(key, tail);
      void tail.then(() => {
        if (tails.get(key) === tail) tails.delete(key);
      });
      return result;
    },
    isHeld: (key) => tails.has(key),
  };
}
