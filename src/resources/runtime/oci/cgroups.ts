import { readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupDirectory, cgroupHost } from '../../../foundation/kernel/cgroup.ts';

/** The control group of a container in every hierarchy of the host (one on version 2, a dozen on version 1). */
export interface Cgroups {
  /** Processes in the group and below. */
  processes(cgroupsPath: string): number[];
  /** Whether the kernel killed one of its processes for want of memory. */
  wasOomKilled(cgroupsPath: string): boolean;
  /** Frozen, or on the way there. */
  isFrozen(cgroupsPath: string): boolean;
  /** Lets frozen processes run, so that they can die. */
  thaw(cgroupsPath: string): void;
  /** False when a process is still inside, or it cannot be removed for another reason. Absent is fine. */
  remove(cgroupsPath: string): boolean;
}

export function createCgroups(): Cgroups {
  const host = cgroupHost();
  const roots = [...new Set([...host.hierarchies.values(), ...(host.unified ? [host.unified] : [])])];
  const folders = (cgroupsPath: string): string[] => roots.map((root) => join(root, cgroupsPath));
  return {
    processes(cgroupsPath) {
      const pids = folders(cgroupsPath).flatMap(processesBelow);
      return [...new Set(pids)];
    },
    wasOomKilled(cgroupsPath) {
      const file = host.hierarchies.has('memory') ? 'memory.oom_control' : 'memory.events';
      const counters = readIfPresent(join(cgroupDirectory(host, cgroupsPath, 'memory'), file));
      return /^oom_kill [1-9]/m.test(counters);
    },
    isFrozen: (cgroupsPath) =>
      folders(cgroupsPath).some(
        (folder) =>
          /^(FROZEN|FREEZING)/.test(readIfPresent(join(folder, 'freezer.state'))) ||
          readIfPresent(join(folder, 'cgroup.freeze')).trim() === '1',
      ),
    thaw(cgroupsPath) {
      for (const folder of folders(cgroupsPath)) {
        writeIfPresent(join(folder, 'freezer.state'), 'THAWED');
        writeIfPresent(join(folder, 'cgroup.freeze'), '0');
      }
    },
    remove: (cgroupsPath) => folders(cgroupsPath).every(removeTree),
  };
}

function processesBelow(folder: string): number[] {
  const own = readIfPresent(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
  return own.concat(...subfolders(folder).map(processesBelow));
}

/** Groups are removed from the leaves up; the files in them vanish with them. */
function removeTree(folder: string): boolean {
  if (removeFolder(folder)) return true;
  return subfolders(folder).every(removeTree) && removeFolder(folder);
}

function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
  }
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name));
  } catch {
    return [];
  }
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Control files exist or do not; opening must not create them. */
function writeIfPresent(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'r+' });
  } catch {
    // The hierarchy has no such control.
  }
}
