import { toSiloError } from '../../../foundation/base/errors.ts';
import { createKeyLock } from '../../../foundation/base/key-lock.ts';
import type { Log } from '../../../foundation/base/log.ts';
import type { VolumeInfo, Volumes } from '../../../resources/volume/volume.ts';
import type { ContainerRecord } from '../container.ts';

/**
 * Volumes whose options name a file system are mounted for their first user and unmounted after the last. Users are running containers and copies into
 * stopped ones; who they are is never stored: after a start of the engine the records tell.
 */
export interface VolumeMounts {
  /** A failure gives back what was taken. */
  acquire(user: string, names: readonly string[]): Promise<void>;
  /** Safe to repeat. */
  release(user: string): Promise<void>;
  /** After a start of the engine: those of the running containers stay, the others go. */
  recover(running: Iterable<readonly [user: string, names: readonly string[]]>): Promise<void>;
}

export function createVolumeMounts(deps: {
  volumes: Pick<Volumes, 'list' | 'find' | 'mount' | 'unmount'>;
  log: Log;
}): VolumeMounts {
  const { volumes, log } = deps;
  const users = new Map<string, Set<string>>();
  const locks = createKeyLock();
  const usersOf = (name: string): Set<string> => {
    const found = users.get(name) ?? new Set<string>();
    users.set(name, found);
    return found;
  };
  const letGo = (name: string, user: string): Promise<void> =>
    locks.run(name, async () => {
      const left = usersOf(name);
      left.delete(user);
      if (left.size > 0) return;
      users.delete(name);
      await volumes.unmount(name).catch((error: unknown) => {
        log.warn(`volume ${name} stays mounted: ${toSiloError(error).message}`);
      });
    });
  const release = async (user: string): Promise<void> => {
    const held = [...users].filter(([, names]) => names.has(user)).map(([name]) => name);
    await Promise.all(held.map((name) => letGo(name, user)));
  };
  const mounted = (names: readonly string[]): string[] =>
    names.filter((name) => hasFileSystem(volumes.find(name)));
  return {
    release,
    async acquire(user, names) {
      try {
        for (const name of mounted(names))
          await locks.run(name, async () => {
            usersOf(name).add(user);
            await volumes.mount(name);
          });
      } catch (error) {
        await release(user);
        throw error;
      }
    },
    async recover(running) {
      for (const [user, names] of running) for (const name of mounted(names)) usersOf(name).add(user);
      const idle = volumes.list().filter((volume) => hasFileSystem(volume) && !users.has(volume.name));
      for (const { name } of idle) await letGo(name, '');
    },
  };
}

const hasFileSystem = (volume: VolumeInfo | undefined): boolean => volume?.options.type !== undefined;

export const volumeNames = ({ mounts }: Pick<ContainerRecord, 'mounts'>): string[] => [
  ...new Set(mounts.flatMap(({ name }) => name ?? [])),
];
