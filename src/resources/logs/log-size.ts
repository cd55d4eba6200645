import { statSync } from 'node:fs';
import { type DirectoryWatcher, IN_MODIFY, IN_ONESHOT } from '../../foundation/kernel/inotify.ts';

/** No program writes a log faster; the next look is due when so much could have been written. */
const bytesPerMs = 100_000;
const longestRestMs = 1_000;
const shortestRestMs = 10;

export interface SizeWatch extends Disposable {
  /** Another file has the name. */
  again(): void;
}

/**
 * Calls `onFull` once for each file that grows above the limit. A silent log costs nothing, and a loud one a look now and then: each look waits
 * for the next write (inotify(7), once) and then rests for as long as the limit cannot be reached.
 */
export function watchSize(
  watcher: DirectoryWatcher,
  { path, limitBytes, onFull }: { path: string; limitBytes: number; onFull: () => void },
): SizeWatch {
  let waiting: Disposable | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isDisposed = false;
  /** For which `onFull` was called. */
  let fullInode: number | undefined;
  const stop = (): void => {
    clearTimeout(timer);
    waiting?.[Symbol.dispose]();
    waiting = undefined;
  };
  const look = (): void => {
    stop();
    if (isDisposed) return;
    try {
      waiting = watcher.watch(path, IN_MODIFY + IN_ONESHOT, rest);
    } catch {
      // Removed with its container, or between two names; whoever made the next one calls `again`.
      return;
    }
    // After the watch: a write before it would not be told.
    const { ino, size } = sizeOf(path);
    if (size < limitBytes || ino === fullInode) return;
    fullInode = ino;
    onFull();
  };
  const rest = (): void => {
    stop();
    const left = limitBytes - sizeOf(path).size;
    const ms = Math.min(longestRestMs, Math.max(shortestRestMs, left / bytesPerMs));
    timer = setTimeout(look, ms);
    timer.unref();
  };
  look();
  return {
    again() {
      fullInode = undefined;
      look();
    },
    [Symbol.dispose]() {
      isDisposed = true;
      stop();
    },
  };
}

function sizeOf(path: string): { ino: number; size: number } {
  return statSync(path, { throwIfNoEntry: false }) ?? { ino: 0, size: 0 };
}
