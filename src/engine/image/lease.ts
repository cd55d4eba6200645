import { createKeyLock } from '../../foundation/base/key-lock.ts';
import type { Digest } from '../../foundation/oci/digest.ts';

/**
 * What is under way must not be swept. A lease holds digests of blobs and chain ids of layers (where a digest is both, for both)
 * from before they are looked for until their image is published. It lives as long as the engine that took it: what a dead engine held is
 * nobody's, so there is nothing to keep on disk; its partial downloads stay where they are for the next attempt.
 */
export interface Leases {
  open(): Lease;
  isHeld(digest: Digest): boolean;
  /** Runs `remove` unless somebody holds the digest or `isReached()`; whoever takes the digest meanwhile waits for the end. */
  removeUnheld(digest: Digest, isReached: () => boolean, remove: () => Promise<void>): Promise<boolean>;
}

export interface Lease extends Disposable {
  /** Resolves once no removal of it is under way: from then on what is found stays. */
  hold(digest: Digest): Promise<void>;
  /** Everything held so far. */
  readonly held: ReadonlySet<Digest>;
}

export function createLeases(): Leases {
  const holders = new Map<Digest, number>();
  const removals = createKeyLock();
  const release = (digest: Digest): void => {
    const left = (holders.get(digest) ?? 1) - 1;
    if (left === 0) holders.delete(digest);
    else holders.set(digest, left);
  };
  return {
    open() {
      const held = new Set<Digest>();
      return {
        held,
        async hold(digest) {
          if (!held.has(digest)) {
            held.add(digest);
            holders.set(digest, (holders.get(digest) ?? 0) + 1);
          }
          if (removals.isHeld(digest)) await removals.run(digest, () => Promise.resolve());
        },
        [Symbol.dispose]() {
          for (const digest of held) release(digest);
          held.clear();
        },
      };
    },
    isHeld: (digest) => holders.has(digest),
    removeUnheld: (digest, isReached, remove) =>
      removals.run(digest, async () => {
        if (holders.has(digest) || isReached()) return false;
        await remove();
        return true;
      }),
  };
}
