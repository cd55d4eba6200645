import { readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountInfo } from '../../../foundation/kernel/mount-info.ts';

/** The control group of a container in every hierarchy of the host (one on version 2, a dozen on version 1). */
export interface Cgroups {
  /** Processes in the group and below. */
  processes(cgroupsPath: string): number[];
  /** Whether the kernel killed one of its processes for want of memory. */
  wasOomKilled(cgroupsPath: string): boolean;
  /** Lets frozen processes run, so that they can die. */
  thaw(cgroupsPath: string): void;
  /** False when a process is still inside, or it cannot be removed for another reason. Absent is fine. */
  remove(cgroupsPath: string): boolean;
}

/** Where both versions count OOM kills, cgroup-v2.rst `memory.events` and cgroup-v1/memory.rst `memory.oom_control`. */
const oomFiles = ['memory.events', 'memory.oom_control'];

export function createCgroups(): Cgroups {
  const roots = mountInfo()
    .filter((mount) => mount.type === 'cgroup' || mount.type === 'cgroup2')
    .map((mount) => mount.target);
  const folders = (cgroupsPath: string): string[] => roots.map((root) => join(root, cgroupsPath));
  return {
    processes(cgroupsPath) {
      const pids = folders(cgroupsPath).flatMap(processesBelow);
      return [...new Set(pids)];
    },
    wasOomKilled(cgroupsPath) {
      return folders(cgroupsPath).some((folder) =>
        oomFiles.some((file) => /^oom_kill [1-9]/m.test(readIfPresent(join(folder, file)))),
      );
    },
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
