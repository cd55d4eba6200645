import { conflict } from '../../../foundation/base/errors.ts';
import type { Engine } from '../../../engine/host/engine.ts';

/** One prune of a kind at a time, as Docker; the next one is refused with its words. */
export function createPruneTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let busy = false;
  return async (work) => {
    if (busy) throw conflict('a prune operation is already running', { code: 'prune-running' });
    busy = true;
    try {
      return await work();
    } finally {
      busy = false;
    }
  };
}

/** Tells watchers of events what a prune gave back. */
export function announcePrune(
  { events }: Pick<Engine, 'events'>,
  type: 'builder' | 'container' | 'image' | 'network' | 'volume',
  reclaimedBytes: number,
): void {
  events.publish({ type, action: 'prune', id: '', attributes: { reclaimed: String(reclaimedBytes) } });
}
