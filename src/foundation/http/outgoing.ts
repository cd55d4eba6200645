import type { Writable } from 'node:stream';
import { drained } from '../base/drained.ts';
import type { Outgoing } from './http.ts';

/** The writing half of a response or socket; a client that left makes every call a no-op. */
export function createOutgoing(target: Writable): Outgoing {
  const isOpen = (): boolean => !target.destroyed && !target.writableEnded;
  return {
    write: (chunk) => !isOpen() || target.write(chunk),
    drained: () => (isOpen() ? drained(target) : Promise.resolve()),
    end() {
      if (isOpen()) target.end();
    },
  };
}
