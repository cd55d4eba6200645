import { canceled } from '../../../../foundation/base/errors.ts';

/** What of a build wants to work. */
export interface Applicant {
  /** The build, which others take turns with. */
  build: object;
  /** Of its applicants the lowest comes first. */
  order: number;
  signal: AbortSignal;
}

/** A place among those who work; given back by disposing. */
export interface Slot extends Disposable {
  /** Waits without keeping the place from others; who waited goes on at once, over the limit if need be. */
  aside<T>(waiting: () => Promise<T>): Promise<T>;
}

/** At most so many pieces of work at a time, over all builds. A free place goes to the build that has the fewest. */
export interface Slots {
  take(applicant: Applicant): Promise<Slot>;
}

interface Waiting extends Applicant {
  begin: () => void;
}

export function createSlots(limit: number): Slots {
  const waiting = new Set<Waiting>();
  const working = new Map<object, number>();
  let taken = 0;

  const change = (build: object, by: 1 | -1): void => {
    taken += by;
    const left = (working.get(build) ?? 0) + by;
    if (left === 0) working.delete(build);
    else working.set(build, left);
  };
  const comesBefore = (a: Waiting, b: Waiting): boolean => {
    const difference = (working.get(a.build) ?? 0) - (working.get(b.build) ?? 0);
    return difference < 0 || (difference === 0 && a.build === b.build && a.order < b.order);
  };
  const takeNext = (): Waiting | undefined => {
    let next: Waiting | undefined;
    for (const each of waiting) if (next === undefined || comesBefore(each, next)) next = each;
    if (next) waiting.delete(next);
    return next;
  };
  const fill = (): void => {
    if (taken >= limit) return;
    for (let next = takeNext(); next; next = taken < limit ? takeNext() : undefined) {
      change(next.build, 1);
      next.begin();
    }
  };
  const slotOf = ({ build }: Applicant): Slot => {
    let isGiven = false;
    return {
      async aside(wait) {
        if (isGiven) return await wait();
        change(build, -1);
        fill();
        try {
          return await wait();
        } finally {
          change(build, 1);
        }
      },
      [Symbol.dispose]() {
        if (isGiven) return;
        isGiven = true;
        change(build, -1);
        fill();
      },
    };
  };
  return {
    async take(applicant) {
      const { signal } = applicant;
      const turn = Promise.withResolvers<void>();
      const each: Waiting = { ...applicant, begin: turn.resolve };
      const leave = (): void => {
        if (waiting.delete(each)) turn.reject(canceled('the build was canceled', { cause: signal.reason }));
      };
      waiting.add(each);
      signal.addEventListener('abort', leave, { once: true });
      if (signal.aborted) leave();
      fill();
      try {
        await turn.promise;
      } finally {
        signal.removeEventListener('abort', leave);
      }
      return slotOf(applicant);
    },
  };
}
