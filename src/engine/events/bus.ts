import type { EngineEvent, Events } from './events.ts';

/** How many past events stay for `since` replays; Docker keeps 256, tools that poll want more. */
const historyLimit = 4096;

/** Less than this is the same moment, or a clock that is being slewed. */
const setBackNs = 1_000_000_000n;

export function createEvents(nowMs: () => number = Date.now): Events {
  const listeners = new Set<(event: EngineEvent) => void>();
  const kept: EngineEvent[] = [];
  let lastNs = 0n;
  return {
    publish(event) {
      const ns = BigInt(nowMs()) * 1_000_000n;
      // A clock that was set back is followed: `since` and `until` are said in its time.
      lastNs = ns > lastNs || lastNs - ns > setBackNs ? ns : lastNs + 1n;
      const stamped: EngineEvent = { ...event, timeNs: lastNs };
      kept.push(stamped);
      if (kept.length > historyLimit) kept.splice(0, kept.length - historyLimit);
      for (const listener of listeners) listener(stamped);
    },
    subscribe(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    listeners: () => listeners.size,
    history: ({ sinceNs, untilNs }) =>
      kept.filter(({ timeNs }) => timeNs >= sinceNs && (untilNs === undefined || timeNs <= untilNs)),
  };
}
