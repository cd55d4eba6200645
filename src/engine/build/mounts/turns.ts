import { canceled } from '../../../foundation/base/errors.ts';

export type Sharing = 'shared' | 'private' | 'locked';

/** The right to use one folder. */
export interface Turn {
  id: string;
  /** Safe to repeat. */
  end(): void;
}

export interface TakeTurn {
  /** Resolves when the folder is among those of its key. */
  make: (id: string) => Promise<unknown>;
  signal?: AbortSignal | undefined;
}

/** Who uses which folder of those that have the same key. Nobody asks again and again: who has to wait is given the folder by the one who leaves it. */
export interface Turns {
  /**
   * `shared` joins others who share, `private` and `shared` take a free folder, `locked` waits for one. Where there is none, one is made. Kind `canceled`
   * when the signal ends the wait.
   */
  take(key: string, sharing: Sharing, options: TakeTurn): Promise<Turn>;
  isHeld(id: string): boolean;
}

interface Holding {
  id: string;
  key: string;
  sharing: Sharing;
  holders: number;
  ready: Promise<unknown>;
}

interface Waiter {
  /** Nothing: look again. */
  give: (holding: Holding | undefined) => void;
}

export function createTurns(folders: {
  /** Whole ones, the one to be preferred first. */
  idsOf: (key: string) => readonly string[];
  newId: () => string;
}): Turns {
  const held = new Map<string, Holding>();
  const waiting = new Map<string, Waiter[]>();
  const heldOf = (key: string): Holding[] => [...held.values()].filter((each) => each.key === key);

  const hold = (id: string, key: string, sharing: Sharing, ready: Promise<unknown>): Holding => {
    const holding = { id, key, sharing, holders: 1, ready };
    held.set(id, holding);
    return holding;
  };
  const nextWaiter = (key: string): Waiter | undefined => {
    const queue = waiting.get(key);
    const next = queue?.shift();
    if (queue?.length === 0) waiting.delete(key);
    return next;
  };
  const leave = (holding: Holding, isWhole: boolean): void => {
    // Nobody may join what is not there, however many still have to hear of it.
    if (!isWhole) held.delete(holding.id);
    if (--holding.holders > 0) return;
    held.delete(holding.id);
    const next = nextWaiter(holding.key);
    next?.give(isWhole ? hold(holding.id, holding.key, 'locked', holding.ready) : undefined);
  };
  const turnOf = (holding: Holding): Turn => {
    let isOver = false;
    return {
      id: holding.id,
      end() {
        if (!isOver) leave(holding, true);
        isOver = true;
      },
    };
  };

  const wait = (key: string, signal: AbortSignal | undefined): Promise<Holding | undefined> => {
    const { promise, resolve, reject } = Promise.withResolvers<Holding | undefined>();
    const waiter: Waiter = {
      give(holding) {
        signal?.removeEventListener('abort', giveUp);
        resolve(holding);
      },
    };
    const queue = waiting.get(key) ?? [];
    waiting.set(key, queue);
    queue.push(waiter);
    const giveUp = (): void => {
      const at = queue.indexOf(waiter);
      if (at >= 0) queue.splice(at, 1);
      if (queue.length === 0 && waiting.get(key) === queue) waiting.delete(key);
      reject(canceled('waiting for a locked cache was canceled', { cause: signal?.reason }));
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    return promise;
  };

  /** A folder of its own, or another's with which it is shared; undefined when it has to wait. */
  const find = (
    key: string,
    sharing: Sharing,
    make: TakeTurn['make'],
  ): { holding: Holding; isMaker: boolean } | undefined => {
    const others = heldOf(key);
    const joined = sharing === 'shared' ? others.find((each) => each.sharing === 'shared') : undefined;
    if (joined) {
      joined.holders++;
      return { holding: joined, isMaker: false };
    }
    const free = folders.idsOf(key).find((id) => !held.has(id));
    if (free !== undefined) return { holding: hold(free, key, sharing, Promise.resolve()), isMaker: false };
    if (sharing === 'locked' && others.length > 0) return undefined;
    const id = folders.newId();
    return { holding: hold(id, key, sharing, make(id)), isMaker: true };
  };

  return {
    isHeld: (id) => held.has(id),
    async take(key, sharing, { make, signal }) {
      for (;;) {
        if (signal?.aborted) throw canceled('the build was canceled', { cause: signal.reason });
        const found = find(key, sharing, make);
        const holding = found?.holding ?? (await wait(key, signal));
        if (!holding) continue;
        try {
          await holding.ready;
        } catch (error) {
          leave(holding, false);
          if (found?.isMaker) throw error;
          continue;
        }
        return turnOf(holding);
      }
    },
  };
}
