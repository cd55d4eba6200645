import { type EngineEvent, type Events, historyLimit } from './events.ts';
import type { EventJournal } from './journal.ts';

/** Labels are attributes of events, and may be of any size. */
const historyBytes = 32 << 20;

/** Less than this is the same moment, or a clock that is being slewed. */
const setBackNs = 1_000_000_000n;

/** With a journal the history goes back beyond the start of this engine. */
export function createEvents(nowMs: () => number = Date.now, journal?: EventJournal): Events {
  const listeners = new Set<(event: EngineEvent) => void>();
  const kept: EngineEvent[] = [];
  let keptBytes = 0;
  let lastNs = 0n;
  let recalled: Promise<void> | undefined;
  const forgetOldest = (): void => {
    let excess = Math.max(0, kept.length - historyLimit);
    for (const event of kept.slice(0, excess)) keptBytes -= sizeOf(event);
    for (; keptBytes > historyBytes && excess < kept.length - 1; excess++)
      keptBytes -= sizeOf(kept[excess] ?? nothing);
    if (excess > 0) kept.splice(0, excess);
  };
  return {
    publish(event) {
      const ns = BigInt(nowMs()) * 1_000_000n;
      // A clock that was set back is followed: `since` and `until` are said in its time.
      lastNs = ns > lastNs || lastNs - ns > setBackNs ? ns : lastNs + 1n;
      const stamped: EngineEvent = { ...event, timeNs: lastNs };
      kept.push(stamped);
      keptBytes += sizeOf(stamped);
      forgetOldest();
      journal?.append(stamped);
      for (const listener of listeners) listener(stamped);
    },
    subscribe(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    listeners: () => listeners.size,
    recall() {
      recalled ??= (journal?.past() ?? Promise.resolve([])).then((past) => {
        kept.unshift(...past);
        keptBytes += past.reduce((sum, event) => sum + sizeOf(event), 0);
        forgetOldest();
      });
      return recalled;
    },
    history: ({ sinceNs, untilNs }) =>
      kept.filter(({ timeNs }) => timeNs >= sinceNs && (untilNs === undefined || timeNs <= untilNs)),
  };
}

const nothing: EngineEvent = { type: 'daemon', action: '', id: '', attributes: {}, timeNs: 0n };

/** Roughly what it takes in memory. */
function sizeOf({ action, id, attributes }: EngineEvent): number {
  let size = 200 + action.length + id.length;
  for (const name in attributes) size += name.length + (attributes[name]?.length ?? 0);
  return size;
}
