import { canceled, isKind } from '../../foundation/base/errors.ts';
import { throwIfAborted } from '../../foundation/base/deadline.ts';
import type { Limiter } from '../../foundation/base/limiter.ts';

/**
 * One piece of work per key, shared by all who want its outcome. It goes on while anybody waits for it: who is aborted leaves, and the
 * last one to leave stops it and waits until it has cleaned up. Who comes while an abandoned one is still cleaning up waits and
 * starts anew. Notes of progress reach everybody; a late joiner gets the last one first.
 */
export interface SharedWork<T, Note> {
  join(key: string, joiner: Joiner<Note>, work: (flight: Flight<Note>) => Promise<T>): Promise<T>;
}

export interface Joiner<Note> {
  signal?: AbortSignal | undefined;
  onNote?: ((note: Note) => void) | undefined;
}

export interface Flight<Note> {
  /** Aborted when nobody wants the outcome any more. */
  signal: AbortSignal;
  note: (note: Note) => void;
}

interface Running<T, Note> {
  controller: AbortController;
  joiners: Set<Joiner<Note>>;
  last: Note | undefined;
  outcome: Promise<T>;
}

export function createSharedWork<T, Note>(what: string): SharedWork<T, Note> {
  const running = new Map<string, Running<T, Note>>();

  const start = (key: string, work: (flight: Flight<Note>) => Promise<T>): Running<T, Note> => {
    const controller = new AbortController();
    const joiners = new Set<Joiner<Note>>();
    const note = (next: Note): void => {
      started.last = next;
      for (const joiner of joiners) joiner.onNote?.(next);
    };
    // The work begins in a later microtask, when `started` stands.
    const outcome = Promise.resolve()
      .then(() => work({ signal: controller.signal, note }))
      .finally(() => running.delete(key));
    outcome.catch(() => undefined);
    const started: Running<T, Note> = { controller, joiners, last: undefined, outcome };
    running.set(key, started);
    return started;
  };

  return {
    async join(key, joiner, work) {
      for (let mayTryAgain = true; ;) {
        throwIfAborted(joiner.signal, what);
        const present = running.get(key);
        if (present?.controller.signal.aborted) {
          await present.outcome.catch(() => undefined);
          continue;
        }
        try {
          return await share(present ?? start(key, work), joiner, what);
        } catch (error) {
          // Another's failure may be its own fault (its credentials, its registry): try once with our means.
          const ours = present === undefined || joiner.signal?.aborted;
          if (ours || !mayTryAgain || isKind(error, 'exhausted')) throw error;
          mayTryAgain = false;
        }
      }
    },
  };
}

async function share<T, Note>(flight: Running<T, Note>, joiner: Joiner<Note>, what: string): Promise<T> {
  const { signal } = joiner;
  flight.joiners.add(joiner);
  const left = Promise.withResolvers<never>();
  const leave = (): void => {
    flight.joiners.delete(joiner);
    // The last one waits for the outcome, whatever it is.
    if (flight.joiners.size === 0) flight.controller.abort(signal?.reason);
    else left.reject(signal?.reason);
  };
  signal?.addEventListener('abort', leave, { once: true });
  try {
    // After the listener is there: hearing the note may make the joiner leave.
    if (flight.last !== undefined) joiner.onNote?.(flight.last);
    return await Promise.race([left.promise, flight.outcome]);
  } catch (error) {
    if (signal?.aborted) throw canceled(`${what} was canceled`, { cause: signal.reason });
    throw error;
  } finally {
    signal?.removeEventListener('abort', leave);
    flight.joiners.delete(joiner);
  }
}

/** Waits for a turn, but not longer than the signal lets; once begun, `work` sees to the signal itself. */
export function runInTurn<T>(
  turns: Limiter,
  signal: AbortSignal,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const giveUp = (): void => reject(canceled(`${what} was canceled`, { cause: signal.reason }));
  if (signal.aborted) {
    giveUp();
    return promise;
  }
  signal.addEventListener('abort', giveUp, { once: true });
  void turns.run(async () => {
    if (signal.aborted) return;
    signal.removeEventListener('abort', giveUp);
    await work().then(resolve, reject);
  });
  return promise;
}
