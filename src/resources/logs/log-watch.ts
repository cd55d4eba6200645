import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { ReadLogs } from './logs.ts';

export interface LogWatch extends Disposable {
  /** The writer has ended: one more read sees everything. */
  hasEnded(): boolean;
  /** Resolves when something may have changed since the last call: the file, the end, or the signal. Never rejects. */
  changed(): Promise<void>;
}

/**
 * Watches the folder and not the file, because the monitor replaces the file at its size limit. `node:fs` shares one inotify
 * instance among all watchers, of which hosts allow few.
 */
export function createLogWatch(path: string, options: ReadLogs): LogWatch {
  let pending = false;
  let ended = false;
  let wake: (() => void) | undefined;
  const notify = (): void => {
    pending = true;
    wake?.();
  };
  const name = basename(path);
  const watcher = watch(dirname(path), (_, changed) => {
    if (changed === null || changed === name) notify();
  });
  // The folder is gone together with the container: the reader meets the end of its open file.
  watcher.on('error', notify);
  const markEnded = (): void => {
    ended = true;
    notify();
  };
  void options.follow?.ended.then(markEnded, markEnded);
  options.signal?.addEventListener('abort', notify, { once: true });
  return {
    hasEnded: () => ended,
    async changed() {
      if (!pending) await new Promise<void>((resolve) => (wake = resolve));
      pending = false;
      wake = undefined;
    },
    [Symbol.dispose]() {
      watcher.close();
      options.signal?.removeEventListener('abort', notify);
    },
  };
}
