import { syncDirectory } from './atomic-file.ts';

/** Makes renames into a folder durable, one fsync for all that wait at the same time. */
export type DirectorySync = (path: string) => Promise<void>;

/**
 * A caller that arrives while a sync is running cannot rely on it (its rename may have come too late), so it shares the next one
 * with everybody else who arrives meanwhile.
 */
export function createDirectorySync(sync: (path: string) => Promise<void> = syncDirectory): DirectorySync {
  const running = new Map<string, Promise<void>>();
  const next = new Map<string, Promise<void>>();
  const start = (path: string): Promise<void> => {
    const run = sync(path).finally(() => {
      if (running.get(path) === run) running.delete(path);
    });
    running.set(path, run);
    return run;
  };
  return (path) => {
    const current = running.get(path);
    if (current === undefined) return start(path);
    const waiting = next.get(path);
    if (waiting !== undefined) return waiting;
    const after = (): Promise<void> => {
      next.delete(path);
      return start(path);
    };
    const queued = current.then(after, after);
    next.set(path, queued);
    return queued;
  };
}
