import { basename, dirname } from 'node:path';
import {
  createDirectoryWatcher,
  IN_CREATE,
  IN_IGNORED,
  IN_MODIFY,
  IN_MOVED_TO,
  IN_Q_OVERFLOW,
} from '../../foundation/kernel/inotify.ts';
import type { Reactor } from '../../foundation/kernel/reactor.ts';
import type { ReadLogs } from './logs.ts';

export interface LogWatch extends Disposable {
  /** The writer has ended: one more read sees everything. */
  hasEnded(): boolean;
  /** Resolves when something may have changed since the last call: the file, the end, or the signal. Never rejects. */
  changed(): Promise<void>;
}

/** Watches for readers that follow. */
export interface LogWatches {
  open(path: string, options: ReadLogs): LogWatch;
}

/**
 * Watches the folder and not the file, because the monitor replaces the file at its size limit. One inotify instance for all, of which hosts allow few, and one
 * watch a folder, of which an instance has one. (The runtime's own `fs.watch` drops an event that follows another within a millisecond.)
 */
export function createLogWatches(reactor: Reactor): LogWatches {
  const watcher = createDirectoryWatcher(reactor);
  const folders = new Map<string, { readers: Set<(name: string) => void>; watch: Disposable }>();
  const mask = IN_MODIFY | IN_CREATE | IN_MOVED_TO;

  const join = (directory: string, reader: (name: string) => void): Disposable => {
    let folder = folders.get(directory);
    if (!folder) {
      const readers = new Set<(name: string) => void>();
      const watch = watcher.watch(directory, mask, (name, events) => {
        // The folder is gone together with the container: readers meet the end of their open file. Lost events may be anybody's.
        const isAnybodys = (events & (IN_IGNORED | IN_Q_OVERFLOW)) !== 0;
        for (const tell of readers) tell(isAnybodys ? '' : name);
      });
      folder = { readers, watch };
      folders.set(directory, folder);
    }
    const { readers, watch } = folder;
    readers.add(reader);
    return {
      [Symbol.dispose]() {
        readers.delete(reader);
        if (readers.size > 0 || folders.get(directory)?.readers !== readers) return;
        folders.delete(directory);
        watch[Symbol.dispose]();
      },
    };
  };

  return {
    open(path, options) {
      let pending = false;
      let ended = false;
      let wake: (() => void) | undefined;
      const notify = (): void => {
        pending = true;
        wake?.();
      };
      const name = basename(path);
      const watch = join(dirname(path), (changed) => {
        if (changed === '' || changed === name) notify();
      });
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
          watch[Symbol.dispose]();
          options.signal?.removeEventListener('abort', notify);
        },
      };
    },
  };
}
