import type { Client } from '../../../client/client.ts';
import type { Seen } from './row.ts';

/** Watches containers and keeps the newest sample of each, newest container first. */
export interface Watching {
  readonly seen: ReadonlyMap<string, Seen>;
  /** Opens a stream of samples; a container that is watched already stays. */
  add(id: string, shownAs: string): void;
  remove(id: string): void;
  /** Resolves when no stream is left. */
  idle(): Promise<void>;
}

export function createWatching(
  client: Client,
  {
    signal,
    onChange,
    onError,
  }: { signal: AbortSignal; onChange: () => void; onError: (error: unknown) => void },
): Watching {
  const seen = new Map<string, Seen>();
  const streams = new Map<string, AbortController>();
  let whenIdle = (): void => undefined;

  const follow = async (id: string, own: AbortController): Promise<void> => {
    const samples = await client.containers.stats(id, { signal: AbortSignal.any([signal, own.signal]) });
    for await (const now of samples) {
      const entry = seen.get(id);
      if (!entry || own.signal.aborted) break;
      seen.set(id, { ...entry, before: entry.now, now });
      onChange();
    }
  };

  return {
    seen,
    add(id, shownAs) {
      if (streams.has(id)) return;
      const own = new AbortController();
      streams.set(id, own);
      seen.set(id, { container: shownAs, now: undefined, before: undefined });
      follow(id, own)
        .catch((error: unknown) => {
          if (!signal.aborted && !own.signal.aborted) onError(error);
        })
        .finally(() => {
          if (streams.get(id) !== own) return;
          streams.delete(id);
          seen.delete(id);
          onChange();
          if (streams.size === 0) whenIdle();
        });
    },
    remove(id) {
      streams.get(id)?.abort();
      streams.delete(id);
      if (seen.delete(id)) onChange();
    },
    idle: () =>
      new Promise((resolve) => {
        whenIdle = resolve;
        if (streams.size === 0) resolve();
      }),
  };
}
