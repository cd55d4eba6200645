import type { Digest } from '../../foundation/oci/digest.ts';
import type { RepositoryName } from '../../foundation/oci/repository-name.ts';

/**
 * What a client has seen or sent lately: it may be about to refer to it. Held in memory; after a restart everything counts as seen, because nobody
 * knows.
 */
export interface Leases {
  touch(repository: RepositoryName, digest: Digest): void;
  /** It was not there after all: whoever asks for what never was must not fill the memory. What comes now is protected by its own time. */
  forget(repository: RepositoryName, digest: Digest): void;
  /** Whether it was seen, stored or shared (`changedMs`) within the grace period. */
  protects(repository: RepositoryName, digest: Digest, changedMs: number): boolean;
  /** The moment before which the grace period of whatever happened is over. */
  horizonMs(): number;
}

export function createLeases({
  graceMs,
  now,
  startedMs,
}: {
  graceMs: number;
  now: () => number;
  startedMs: number;
}): Leases {
  const seen = new Map<string, number>();
  const horizonMs = (): number => now() - graceMs;
  const forgetOld = (): void => {
    const horizon = horizonMs();
    // In order of the last touch.
    for (const [key, ms] of seen) {
      if (ms >= horizon) return;
      seen.delete(key);
    }
  };
  return {
    horizonMs,
    touch(repository, digest) {
      const key = `${repository}@${digest}`;
      seen.delete(key);
      seen.set(key, now());
      forgetOld();
    },
    forget: (repository, digest) => void seen.delete(`${repository}@${digest}`),
    protects: (repository, digest, changedMs) =>
      Math.max(changedMs, startedMs, seen.get(`${repository}@${digest}`) ?? 0) > horizonMs(),
  };
}
