import { mkdir } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';
import type { DirectorySync } from '../../foundation/base/directory-sync.ts';
import { createSingleFlight } from '../../foundation/base/single-flight.ts';
import { errnoOf } from './errno.ts';

/** Makes folders that last: each is on the disk before the first thing in it is acknowledged. */
export interface Folders {
  ensure(path: string): Promise<void>;
  /** Work that puts something into the folder; done again when somebody deleted the empty folder meanwhile. */
  within(path: string, work: () => Promise<void>): Promise<void>;
  /** After a folder was deleted. */
  forget(path: string): void;
}

export function createFolders(root: string, syncDirectory: DirectorySync): Folders {
  const made = new Set<string>([root]);
  const flights = createSingleFlight<void>();
  const make = async (path: string): Promise<void> => {
    const steps = relative(root, path).split(sep);
    const parents = steps.map((_, index) => [root, ...steps.slice(0, index + 1)].join(sep));
    for (const folder of parents) {
      if (made.has(folder)) continue;
      await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
        if (errnoOf(error) !== 'EEXIST') throw error;
      });
      // Also when it was there: who made it may have died before this.
      await syncDirectory(dirname(folder));
      made.add(folder);
    }
  };
  const ensure = async (path: string): Promise<void> => {
    if (!made.has(path)) await flights.run(path, () => make(path));
  };
  return {
    ensure,
    async within(path, work) {
      await ensure(path);
      try {
        await work();
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
        for (let folder = path; folder !== root; folder = dirname(folder)) made.delete(folder);
        await ensure(path);
        await work();
      }
    },
    forget(path) {
      for (const folder of made) if (folder === path || folder.startsWith(path + sep)) made.delete(folder);
    },
  };
}
