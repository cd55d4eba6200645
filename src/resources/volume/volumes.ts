import { chmod, lstat, mkdir, readdir, realpath, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../../foundation/base/atomic-file.ts';
import {
  conflict,
  invalid,
  isKind,
  notFound,
  toSiloError,
  unsupported,
} from '../../foundation/base/errors.ts';
import { isMountPoint, mountInfo } from '../../foundation/kernel/mount-info.ts';
import { unmount } from '../../foundation/kernel/mount.ts';
import { isErrno } from '../../foundation/kernel/syscall-error.ts';
import { checkDriverOptions, toMountCall } from './driver-options.ts';
import { explainMount, resolveServer } from './mount-volume.ts';
import { stagedName, startVolumeHelper } from './volume-process.ts';
import { faultPoint } from '../../foundation/base/fault.ts';
import { randomHexId } from '../../foundation/base/ids.ts';
import { createKeyLock } from '../../foundation/base/key-lock.ts';
import { syncFileSystem } from '../../foundation/kernel/sync.ts';
import type { Log } from '../../foundation/base/log.ts';
import type { Database } from '../../foundation/db/database.ts';
import type { VolumeInfo, Volumes } from './volume.ts';

export interface VolumesDeps {
  database: Database;
  /** Made when absent. */
  directory: string;
  log: Log;
  /** How to run the helper for volumes. */
  command?: readonly string[];
  now?: () => number;
  /** Names this engine among all hosts, where several mount the same. */
  owner?: string;
}

const tables = [
  `CREATE TABLE volume (
     name TEXT PRIMARY KEY, labels TEXT NOT NULL, options TEXT NOT NULL, anonymous INTEGER NOT NULL, created_at_ms INTEGER NOT NULL
   ) STRICT`,
];

interface VolumeRow {
  name: string;
  labels: string;
  options: string;
  anonymous: number;
  created_at_ms: number;
}

/** Folders and rows are reconciled here: what an earlier engine left half-done is finished or undone before anybody asks. */
export async function openVolumes(deps: VolumesDeps): Promise<Volumes> {
  const { database, now = Date.now, owner = '' } = deps;
  database.migrate('volume', tables);
  await makeDirectory(deps.directory, 0o701);
  // As the kernel's list of mounts has it.
  const directory = await realpath(deps.directory);
  const locks = createKeyLock();
  const find = (name: string): VolumeInfo | undefined => {
    const row = database.first<VolumeRow>('SELECT * FROM volume WHERE name = ?', name);
    return row && toInfo(directory, row);
  };
  const get = (name: string): VolumeInfo => {
    const info = find(name);
    if (!info) throw notFound(`get ${name}: no such volume`, { code: 'no-such-volume' });
    return info;
  };
  const record = (info: Omit<VolumeInfo, 'mountpoint' | 'driver'>): void =>
    void database.run(
      'INSERT INTO volume (name, labels, options, anonymous, created_at_ms) VALUES (?, ?, ?, ?, ?)',
      info.name,
      JSON.stringify(info.labels),
      JSON.stringify(info.options),
      info.anonymous ? 1 : 0,
      info.createdAtMs,
    );
  await reconcile(
    { ...deps, directory },
    {
      isRecorded: (name) => find(name) !== undefined,
      adopt: (name) => record({ name, labels: {}, options: {}, anonymous: false, createdAtMs: now() }),
    },
  );

  return {
    get,
    find,
    list: () =>
      database.all<VolumeRow>('SELECT * FROM volume ORDER BY name').map((row) => toInfo(directory, row)),
    async create(request) {
      const name = request.name || randomHexId();
      // Options of one that is there are not looked at.
      if (!find(name)) checkRequest(name, request);
      return await locks.run(name, async () => {
        const existing = find(name);
        if (existing) return existing;
        await makeDirectory(join(directory, name), 0o701);
        await makeDirectory(join(directory, name, '_data'), 0o755);
        await syncDirectory(directory);
        faultPoint('volume.create.folder');
        const { labels = {}, options = {} } = request;
        record({ name, labels, options, anonymous: request.anonymous ?? !request.name, createdAtMs: now() });
        return get(name);
      });
    },
    async seed(name, fill) {
      await locks.run(name, async () => {
        const { mountpoint, options } = get(name);
        if (options.type !== undefined) {
          const reason = await seedMounted(mountpoint, fill, {
            command: deps.command ?? [],
            staged: stagedName(owner, name),
          });
          if (reason !== undefined) deps.log.info('a volume gets no first content', { volume: name, reason });
          return;
        }
        if ((await readdir(mountpoint)).length > 0) return;
        const staged = join(directory, `${seedPrefix}${randomHexId().slice(0, 16)}`);
        await makeDirectory(staged, 0o700);
        try {
          await fill(staged);
          const content = join(staged, '_data');
          if (!(await isDirectory(content))) return;
          await syncFileSystem(staged);
          faultPoint('volume.seed.filled');
          // Onto an empty directory only, and then at once: rename(2).
          await rename(content, mountpoint);
          await syncDirectory(join(directory, name));
        } finally {
          await rm(staged, { recursive: true, force: true });
        }
      });
    },
    async fill(name, work, mayReplace) {
      checkRequest(name, {});
      await refuseContent(find(name));
      const staged = join(directory, `${seedPrefix}${randomHexId().slice(0, 16)}`);
      await makeDirectory(staged, 0o700);
      try {
        await work(staged);
        await syncFileSystem(staged);
        faultPoint('volume.fill.filled');
        return await locks.run(name, async () => {
          const existing = find(name);
          await refuseContent(existing);
          mayReplace();
          if (existing) {
            // Onto an empty directory only, and then at once: rename(2).
            await rename(join(staged, '_data'), existing.mountpoint);
            await syncDirectory(join(directory, name));
            return existing;
          }
          await chmod(staged, 0o701);
          await rename(staged, join(directory, name));
          await syncDirectory(directory);
          faultPoint('volume.fill.renamed');
          record({ name, labels: {}, options: {}, anonymous: false, createdAtMs: now() });
          return get(name);
        });
      } finally {
        await rm(staged, { recursive: true, force: true });
      }
    },
    async mount(name) {
      await locks.run(name, async () => {
        const { options, mountpoint } = get(name);
        if (options.type === undefined || isMounted(mountpoint)) return;
        try {
          const call = await resolveServer(toMountCall(options));
          const { done } = startVolumeHelper(
            { op: 'mount', call, target: mountpoint, staged: stagedName(owner, name) },
            { command: deps.command ?? [], deadlineMs: mountMs },
          );
          await done;
        } catch (error) {
          throw explainMount(error, { options, target: mountpoint });
        }
        faultPoint('volume.mounted');
      });
    },
    async unmount(name) {
      await locks.run(name, async () => unmountContent(get(name)));
    },
    async remove(name) {
      const trash = await locks.run(name, async () => {
        unmountContent(get(name));
        const target = join(directory, trashName(name));
        await rename(join(directory, name), target).catch(ignoreMissing);
        faultPoint('volume.remove.renamed');
        database.run('DELETE FROM volume WHERE name = ?', name);
        return target;
      });
      faultPoint('volume.remove.forgotten');
      await rm(trash, { recursive: true, force: true });
    },
  };
}

/**
 * Nothing takes the place of a mounted file system's root at once (`first-content.ts`). Only helpers look inside: a server that is gone holds who does.
 * Resolves to the reason why it takes none.
 */
async function seedMounted(
  directory: string,
  fill: (directory: string) => Promise<void>,
  { command, staged }: { command: readonly string[]; staged: string },
): Promise<string | undefined> {
  const settle = (keep: boolean): Promise<void> =>
    startVolumeHelper({ op: 'settle', directory, staged, keep }, { command, deadlineMs: settleMs }).done;
  try {
    await startVolumeHelper({ op: 'stage', directory, staged }, { command, deadlineMs: mountMs }).done;
  } catch (error) {
    if (isKind(error, 'conflict')) return undefined;
    if (isKind(error, 'unsupported')) return toSiloError(error).message;
    throw error;
  }
  try {
    await fill(join(directory, staged));
  } catch (error) {
    await settle(false).catch(() => undefined);
    throw error;
  }
  faultPoint('volume.seed.staged');
  await settle(true);
  return undefined;
}

async function refuseContent(volume: VolumeInfo | undefined): Promise<void> {
  if (!volume) return;
  if (volume.options.type !== undefined)
    throw unsupported(`volume ${volume.name} has options: what they name cannot be replaced`, {
      code: 'volume-has-options',
      hint: 'name a new volume, or copy into a container that uses this one: silo cp',
    });
  if ((await readdir(volume.mountpoint)).length > 0)
    throw conflict(`volume ${volume.name} is not empty`, {
      code: 'volume-not-empty',
      hint: 'name a new volume, or remove this one first',
    });
}

/** A server that does not answer is given up. */
const mountMs = 90_000;
/** All that was copied goes to the disk, or away. */
const settleMs = 900_000;

/** By the kernel's list: looking at the path itself waits for a server that is gone. */
const isMounted = (path: string): boolean => mountInfo().some(({ target }) => target === path);

/** What the options mounted is never deleted with the volume: it must be gone before anything is removed. */
function unmountContent({
  name,
  mountpoint,
  options,
}: Pick<VolumeInfo, 'name' | 'mountpoint' | 'options'>): void {
  if (options.type === undefined && !isMountPoint(mountpoint)) return;
  // The last writes to a server that does not answer are the kernel's matter.
  const detach = /^(nfs|cifs|smb)/.test(options.type ?? '');
  while (isMounted(mountpoint)) {
    try {
      unmount(mountpoint, { detach });
    } catch (error) {
      if (!isErrno(error, 'EBUSY')) throw error;
      throw conflict(`remove ${name}: volume is in use: ${mountpoint} is busy`, {
        code: 'volume-busy',
        hint: `end what uses it: fuser -vm ${mountpoint}`,
        cause: error,
      });
    }
  }
}

/** Where first content is collected. */
const seedPrefix = '.seed-';

const isDirectory = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined))?.isDirectory() ?? false;

/** No volume has such a name, because names do not begin with a dot. The nonce lets a name be used again while the old content goes. */
const trashPattern = /^\.removed-(.+)\.[0-9a-f]{16}$/;
const trashName = (name: string): string => `.removed-${name}.${randomHexId().slice(0, 16)}`;

/**
 * After a crash. A removed folder whose row still stands was not yet removed for anybody: it comes back. A folder without a row is an
 * unacknowledged create when it is empty; with content its row was lost (restored backup, new database): it is adopted, data is never
 * thrown away on a guess.
 */
async function reconcile(
  { directory, log }: VolumesDeps,
  rows: { isRecorded: (name: string) => boolean; adopt: (name: string) => void },
): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    const removed = trashPattern.exec(entry.name)?.[1];
    if (removed !== undefined && isMounted(join(path, '_data')))
      unmount(join(path, '_data'), { detach: true });
    if (entry.name.startsWith(seedPrefix)) {
      rm(path, { recursive: true, force: true }).catch((error: unknown) =>
        log.warn('a half-filled folder was left behind', { path, error: String(error) }),
      );
    } else if (removed !== undefined && rows.isRecorded(removed))
      await rename(path, join(directory, removed));
    else if (removed !== undefined) {
      // Large content must not delay the start.
      rm(path, { recursive: true, force: true }).catch((error: unknown) =>
        log.warn('content of a removed volume was left behind', { path, error: String(error) }),
      );
    } else if (entry.isDirectory() && namePattern.test(entry.name) && !rows.isRecorded(entry.name)) {
      if (await removeIfEmpty(path)) continue;
      rows.adopt(entry.name);
      log.warn('found a volume folder without a record, adopted it', { volume: entry.name });
    }
  }
}

/** True when it held nothing but an empty `_data`. */
async function removeIfEmpty(path: string): Promise<boolean> {
  try {
    await rmdir(join(path, '_data')).catch(ignoreMissing);
    await rmdir(path);
    return true;
  } catch {
    return false;
  }
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
/** Leaves room for the words around it in `trashName` (NAME_MAX is 255). */
const nameLimit = 220;

// Clients show these texts; they are Docker's.
function checkRequest(name: string, request: { driver?: string; options?: Record<string, string> }): void {
  if (request.driver && request.driver !== 'local')
    throw notFound(
      `error looking up volume plugin ${request.driver}: plugin ${JSON.stringify(request.driver)} not found`,
      {
        code: 'no-such-volume-driver',
      },
    );
  if (name.length === 1)
    throw invalid('volume name is too short, names should be at least two alphanumeric characters');
  if (!namePattern.test(name) || name.length > nameLimit)
    throw invalid(
      `${JSON.stringify(name.slice(0, nameLimit))} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
      { code: 'volume-name' },
    );
  checkDriverOptions(request.options ?? {});
}

function toInfo(directory: string, row: VolumeRow): VolumeInfo {
  return {
    name: row.name,
    driver: 'local',
    mountpoint: join(directory, row.name, '_data'),
    labels: JSON.parse(row.labels) as Record<string, string>,
    options: JSON.parse(row.options) as Record<string, string>,
    anonymous: row.anonymous === 1,
    createdAtMs: row.created_at_ms,
  };
}

/** The mode is set apart from making it, so that the daemon's umask has no say. */
async function makeDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, mode);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
