import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unavailable } from '../base/errors.ts';
import { mountInfo, type MountInfo } from './mount-info.ts';
import { mountAt } from './mount.ts';
import { isErrno } from './syscall-error.ts';

/*
 * Everything that differs between cgroup v1, v2 (cgroups(7)) and hosts that have both. Runtimes use the `cgroupfs` manager:
 * the `cgroupsPath` of a spec is the path below each hierarchy.
 */

/** `hybrid`: v1 hierarchies hold the controllers and a v2 tree stands beside them. */
export type CgroupMode = 'v1' | 'hybrid' | 'v2';

export interface CgroupHost {
  mode: CgroupMode;
  /** Where the v2 tree is mounted. */
  unified: string | undefined;
  /** v1 controller (or `name=systemd`) to the mount that holds it. */
  hierarchies: ReadonlyMap<string, string>;
}

/** What this host has; kind `unavailable` when no cgroup file system is mounted. */
export function cgroupHost(mounts: readonly MountInfo[] = mountInfo()): CgroupHost {
  const unified = mounts.find(({ type }) => type === 'cgroup2')?.target;
  const hierarchies = new Map<string, string>();
  for (const { type, target, superOptions } of mounts)
    if (type === 'cgroup')
      for (const option of superOptions)
        if (!notControllers.has(option) && !option.startsWith('release_agent='))
          hierarchies.set(option, target);
  if (hierarchies.size > 0) return { mode: unified ? 'hybrid' : 'v1', unified, hierarchies };
  if (unified) return { mode: 'v2', unified, hierarchies };
  throw unavailable('no cgroup file system is mounted', {
    hint: 'mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup',
  });
}

export const cgroupMode = (): CgroupMode => cgroupHost().mode;

const notControllers = new Set(['rw', 'ro', 'none', 'xattr', 'noprefix', 'clone_children', 'cpuset_v2_mode']);

/** The folder of a container in the hierarchy that has this controller. */
export function cgroupDirectory(host: CgroupHost, cgroupsPath: string, controller: string): string {
  const base = host.hierarchies.get(controller) ?? host.unified;
  if (base === undefined)
    throw unavailable(`the cgroup controller ${controller} is not available on this host`);
  return join(base, cgroupsPath);
}

/** Processes in the cgroup folder and in those below it. Empty when it is gone. */
export async function cgroupProcesses(directory: string): Promise<number[]> {
  const own = (await readIfThere(join(directory, 'cgroup.procs'))) ?? '';
  const pids = own.split('\n').filter(Boolean).map(Number);
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const below = entries.filter((entry) => entry.isDirectory());
  const deeper = await Promise.all(below.map(({ name }) => cgroupProcesses(join(directory, name))));
  return [...pids, ...deeper.flat()];
}

/** Processes that share the cgroup of this one; itself alone when it is in no cgroup of its own. */
export async function containerProcesses(pid: number): Promise<number[]> {
  const directory = processDirectory((await readIfThere(`/proc/${pid}/cgroup`)) ?? '');
  const pids = directory === undefined ? [] : await cgroupProcesses(directory);
  return pids.length > 0 ? [...new Set(pids)].sort((a, b) => a - b) : [pid];
}

/** From lines `hierarchy:controllers:path` of /proc/PID/cgroup: the first folder that is not a root, v1 before v2. */
function processDirectory(membership: string): string | undefined {
  const host = cgroupHost();
  for (const line of membership.split('\n')) {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const base = controllers === '' ? host.unified : host.hierarchies.get(controllers.split(',')[0] ?? '');
    if (path !== '/' && base !== undefined) return join(base, path);
  }
  return undefined;
}

export interface CompletedHierarchy {
  mounted: string[];
  /** Controllers that stay with v2, because something uses them there. */
  refused: string[];
}

/**
 * On a hybrid host crun refuses to work while the v2 tree still owns a controller: gives each such controller a v1 hierarchy of its own,
 * as Debian's `cgroupfs-mount` does. Does nothing on other hosts and when all is in place.
 */
export function completeHybridHierarchy(host: CgroupHost = cgroupHost()): CompletedHierarchy {
  const completed: CompletedHierarchy = { mounted: [], refused: [] };
  if (host.mode !== 'hybrid' || host.unified === undefined) return completed;
  const base = join(host.unified, '..');
  const owned = readFileSync(join(host.unified, 'cgroup.controllers'), 'utf8');
  for (const controller of owned.split(/\s+/).filter(Boolean)) {
    const target = join(base, controller);
    if (!existsSync(target)) mkdirSync(target);
    try {
      mountAt({ type: 'cgroup', target, options: { source: 'cgroup', [controller]: true } });
      completed.mounted.push(controller);
    } catch (error) {
      if (!isErrno(error, 'EBUSY')) throw error;
      completed.refused.push(controller);
    }
  }
  return completed;
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENODEV' || error.code === 'ESRCH') return undefined;
    throw error;
  });
}
