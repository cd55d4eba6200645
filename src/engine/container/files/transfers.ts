import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerId } from '../../../foundation/base/ids.ts';

/** Copies that are under way, so that a removal can end those of its container. */
export interface Transfers {
  /** Runs `work` with a signal that fires with the given one, and when the container goes. */
  run<T>(
    id: ContainerId,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  /** Ends all of this container, and waits until they let go of its files, at most a few seconds. */
  end(id: ContainerId): Promise<void>;
}

/** A helper that waits for a dead file system cannot be killed; a removal does not wait for it. */
const longestWaitMs = 3000;

export function createTransfers(): Transfers {
  const running = new Map<ContainerId, Map<AbortController, Promise<unknown>>>();
  return {
    async run(id, signal, work) {
      const controller = new AbortController();
      const combined = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal;
      const mine = running.get(id) ?? new Map<AbortController, Promise<unknown>>();
      running.set(id, mine);
      const working = work(combined);
      mine.set(controller, working);
      try {
        return await working;
      } finally {
        mine.delete(controller);
        if (mine.size === 0 && running.get(id) === mine) running.delete(id);
      }
    },
    async end(id) {
      const mine = running.get(id);
      if (!mine) return;
      for (const controller of mine.keys())
        controller.abort(new DOMException('the container is being removed', 'AbortError'));
      const timer = new AbortController();
      await Promise.race([
        Promise.allSettled(mine.values()),
        delay(longestWaitMs, undefined, { signal: timer.signal }).catch(() => undefined),
      ]);
      timer.abort();
    },
  };
}
