import type { Writable } from 'node:stream';
import type { Outgoing } from './http.ts';

/** The writing half of a response or socket; a client that left makes every call a no-op. */
export function createOutgoing(target: Writable): Outgoing {
  const isOpen = (): boolean => !target.destroyed && !target.writableEnded;
  return {
    write: (chunk) => !isOpen() || target.write(chunk),
    drained() {
      if (!isOpen() || !target.writableNeedDrain) return Promise.resolve();
      return new Promise((resolve) => {
        const settle = (): void => {
          target.off('drain', settle).off('close', settle);
          resolve();
        };
        target.on('drain', settle).on('close', settle);
      });
    },
    end() {
      if (isOpen()) target.end();
    },
  };
}
