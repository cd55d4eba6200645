import type { StatsSample } from './stats.ts';

/** One container's samples, taken once a second while somebody watches. */
export interface Sampler {
  watch(signal?: AbortSignal): AsyncIterable<StatsSample | undefined>;
  /** Ends all watchers: the container is gone. */
  end(): void;
}

interface SamplerDeps {
  take: () => Promise<StatsSample | undefined>;
  isGone: () => boolean;
  /** The last watcher left. */
  onIdle: () => void;
  periodMs?: number;
}

/** What a watcher has not taken yet: the newest only. */
interface Watcher {
  pending: { sample: StatsSample | undefined } | undefined;
  wake: () => void;
}

export function createSampler({ take, isGone, onIdle, periodMs = 1000 }: SamplerDeps): Sampler {
  const watchers = new Set<Watcher>();
  let latest: { sample: StatsSample | undefined } | undefined;
  let failure: { error: unknown } | undefined;
  let interrupt = (): void => undefined;
  let isSampling = false;
  let ended = false;

  const wakeAll = (): void => {
    for (const watcher of watchers) watcher.wake();
  };
  const pause = (durationMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, durationMs);
      interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  /** Goes on while somebody watches; there is never more than one. */
  const run = async (): Promise<void> => {
    if (isSampling) return;
    isSampling = true;
    try {
      while (watchers.size > 0 && !ended) {
        const startedMs = performance.now();
        const sample = await take();
        ended ||= isGone();
        latest = ended ? undefined : { sample };
        for (const watcher of watchers) watcher.pending = latest;
        wakeAll();
        if (!ended) await pause(Math.max(0, periodMs - (performance.now() - startedMs)));
      }
    } catch (error) {
      failure = { error };
      wakeAll();
    } finally {
      isSampling = false;
      latest = undefined;
    }
  };

  async function* watch(signal?: AbortSignal): AsyncGenerator<StatsSample | undefined, void, void> {
    if (ended || isGone() || signal?.aborted) return;
    const watcher: Watcher = { pending: latest, wake: () => undefined };
    watchers.add(watcher);
    const onAbort = (): void => watcher.wake();
    signal?.addEventListener('abort', onAbort, { once: true });
    void run();
    try {
      for (;;) {
        if (watcher.pending && !signal?.aborted) {
          const { sample } = watcher.pending;
          watcher.pending = undefined;
          yield sample;
          continue;
        }
        if (failure) throw failure.error;
        if (ended || signal?.aborted) return;
        await new Promise<void>((resolve) => (watcher.wake = resolve));
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      watchers.delete(watcher);
      if (watchers.size === 0) {
        onIdle();
        interrupt();
      }
    }
  }

  return {
    watch,
    end() {
      ended = true;
      interrupt();
      wakeAll();
    },
  };
}
